"""Which picture engine this environment holds: the Pillow wheel, or pillow-simd (docs/adr/0002). Never both.

Both install the package `PIL`; the second to come overwrites files of the first, and pip says nothing. What is left is
neither, so the tiers refuse to start with it. Only the installer's records are read here, no picture library is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import metadata

from domicile.service.settings import BadSetting

SIMD = "pillow-simd"
ENGINES = ("pillow", SIMD)
"""Distributions that install `PIL`."""
PATCHED = "patched_pillow"
"""What must meet the bytes where pillow-simd works on the pixels (deploy/simd.py)."""


def installed_engines(version: Callable[[str], str] = metadata.version) -> tuple[str, ...]:
    found = []
    for name in (*ENGINES, PATCHED):
        try:
            version(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)


def refuse_unsafe_engines(found: Iterable[str]) -> None:
    """Raises BadSetting for two owners of `PIL`, and for pillow-simd without a patched Pillow to decode for it."""
    installed = tuple(found)
    engines = [name for name in ENGINES if name in installed]
    if len(engines) > 1:
        raise BadSetting(
            f"the environment: {' and '.join(engines)} both install PIL over each other; allowed: one of them, "
            "in an environment made anew"
        )
    if SIMD in engines and PATCHED not in installed:
        raise BadSetting(
            "the environment: pillow-simd would decode untrusted files; allowed: `make install IMAGING=simd`, "
            "which brings a patched Pillow for them"
        )

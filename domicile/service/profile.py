"""Which picture engine this environment holds: the Pillow wheel, or pillow-simd (docs/adr/0002). Never both.

Both install the package `PIL`; the second to come overwrites files of the first, and pip says nothing. What is left is
neither, so the tiers refuse to start with it. Only the installer's records are read here, no picture library is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import metadata

from domicile.service.settings import BadSetting

ENGINES = ("pillow", "pillow-simd")
"""Distributions that install `PIL`."""


def installed_engines(version: Callable[[str], str] = metadata.version) -> tuple[str, ...]:
    found = []
    for name in ENGINES:
        try:
            version(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)


def refuse_two_engines(found: Iterable[str]) -> None:
    """Raises BadSetting."""
    engines = tuple(found)
    if len(engines) > 1:
        raise BadSetting(
            f"the environment: {' and '.join(engines)} both install PIL over each other; allowed: one of them, "
            "in an environment made anew"
        )

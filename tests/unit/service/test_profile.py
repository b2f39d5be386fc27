"""Two distributions that install PIL are one broken environment."""

from __future__ import annotations

from importlib import metadata

import pytest

from domicile.service.profile import PATCHED, installed_engines, refuse_unsafe_engines
from domicile.service.settings import BadSetting


def records(*names: str):
    def version(name: str) -> str:
        if name not in names:
            raise metadata.PackageNotFoundError(name)
        return "1"

    return version


@pytest.mark.parametrize("installed", [(), ("pillow",), ("pillow-simd", PATCHED), ("pillow", "numpy")])
def test_one_engine_or_none_may_start(installed: tuple[str, ...]) -> None:
    found = installed_engines(records(*installed))
    assert set(found) == set(installed) - {"numpy"}
    refuse_unsafe_engines(found)


def test_two_engines_are_refused_and_named() -> None:
    with pytest.raises(BadSetting, match="pillow and pillow-simd both install PIL"):
        refuse_unsafe_engines(installed_engines(records("pillow", "pillow-simd", "numpy")))


def test_pillow_simd_alone_is_refused_because_it_would_decode() -> None:
    with pytest.raises(BadSetting, match="make install IMAGING=simd"):
        refuse_unsafe_engines(installed_engines(records("pillow-simd")))


def test_this_environment_holds_one() -> None:
    assert len(installed_engines()) == 1

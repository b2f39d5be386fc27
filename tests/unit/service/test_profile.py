"""Two distributions that install PIL are one broken environment."""

from __future__ import annotations

from importlib import metadata

import pytest

from domicile.service.profile import ENGINES, installed_engines, refuse_two_engines
from domicile.service.settings import BadSetting


def records(*names: str):
    def version(name: str) -> str:
        if name not in names:
            raise metadata.PackageNotFoundError(name)
        return "1"

    return version


@pytest.mark.parametrize("installed", [(), ("pillow",), ("pillow-simd",), ("pillow", "numpy")])
def test_one_engine_or_none_may_start(installed: tuple[str, ...]) -> None:
    found = installed_engines(records(*installed))
    assert set(found) == set(installed) & set(ENGINES)
    refuse_two_engines(found)


def test_two_engines_are_refused_and_named() -> None:
    with pytest.raises(BadSetting, match="pillow and pillow-simd both install PIL"):
        refuse_two_engines(installed_engines(records("pillow", "pillow-simd", "numpy")))


def test_this_environment_holds_one() -> None:
    assert len(installed_engines()) == 1

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.media.fonts import FAMILIES, SHIPPED, family_named
from domicile.media.percent import percent_encode


@pytest.mark.parametrize("text", ["Times New Roman", "times new roman", "TimesNewRoman", "times-new-roman"])
def test_spelling_does_not_matter(text: str) -> None:
    assert family_named(text) == "Times New Roman"


def test_every_family_is_drawn_with_a_shipped_one_and_finds_itself() -> None:
    assert set(FAMILIES.values()) == set(SHIPPED)
    assert all(family_named(name) == name and "_" not in percent_encode(name) for name in FAMILIES)


def test_a_name_that_is_not_in_the_table_is_none() -> None:
    assert family_named("Comic Sans MS") is None
    assert family_named("") is None


def test_the_table_for_readers_has_every_family() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "text.md").read_text("utf-8")
    for shipped in SHIPPED:
        others = ", ".join(name for name, drawn_with in FAMILIES.items() if drawn_with == shipped != name)
        assert f"| {shipped} | {others} |" in page

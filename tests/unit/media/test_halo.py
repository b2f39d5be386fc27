"""Room for what is drawn around a picture."""

from __future__ import annotations

from fractions import Fraction

import pytest

from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Side
from domicile.media.grammar import parse_component
from domicile.media.halo import halo_of

ONE = Fraction(1)


@pytest.mark.parametrize(
    ("text", "density", "expected"),
    [
        ("e_shadow", ONE, (118, 68)),
        ("e_shadow,x_0,y_0", ONE, (116, 66)),
        ("e_shadow,x_-30,y_4", ONE, (138, 66)),
        ("e_shadow,x_0.5,y_-0.5", ONE, (158, 83)),
        ("e_shadow", Fraction(2), (136, 86)),
        ("e_outline", ONE, (110, 60)),
        ("e_outline:7", Fraction(3, 2), (120, 70)),
        ("e_outline:inner:7:200", ONE, (100, 50)),
        ("e_outline:7:200", ONE, (130, 80)),
        ("e_outline:1", Fraction(1, 10), (102, 52)),
    ],
)
def test_the_picture_grows_by_what_is_drawn(text: str, density: Fraction, expected: Side) -> None:
    halo = halo_of(parse_component(text), (100, 50), density)
    assert halo is not None
    assert halo.around((100, 50)) == expected


def test_other_effects_need_no_room() -> None:
    assert halo_of(parse_component("e_blur"), (100, 50), ONE) is None
    assert halo_of(parse_component("w_5"), (100, 50), ONE) is None


def test_an_outline_has_a_limit_of_work() -> None:
    assert halo_of(parse_component("e_outline:100"), (5000, 2000), ONE) is not None
    with pytest.raises(LimitExceeded, match="outline of 100 pixels"):
        halo_of(parse_component("e_outline:100"), (5001, 2000), ONE)

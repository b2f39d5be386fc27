"""Sizes of turned pictures; the pixels are in tests/vectors/picture/turn.txt."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadTransformation
from domicile.media.geometry import Side
from domicile.media.grammar import build_component, parse_component
from domicile.media.turns import rotated_size, turned_first


@pytest.mark.parametrize(
    ("degrees", "size"), [(90, (200, 400)), (180, (400, 200)), (270, (200, 400)), (45, (424, 424)), (30, (446, 373))]
)
def test_a_turned_picture_fits_its_canvas(degrees: int, size: tuple[int, int]) -> None:
    assert rotated_size((400, 200), degrees) == size


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("a_auto_right,h_200,w_100", (400, 300), ("a_90", "h_200,w_100")),
        ("a_auto_left,h_100,w_200", (300, 400), ("a_270", "h_100,w_200")),
        ("a_10.auto_left.vflip,ar_1:2,w_9", (400, 300), ("a_270", "a_10.vflip,ar_1:2,w_9")),
        ("a_auto_right,h_200,w_100", (300, 400), ("h_200,w_100",)),
        ("a_auto_right,h_200,w_100", (300, 300), ("h_200,w_100",)),
        ("a_auto_right,h_100,w_100", (400, 300), ("h_100,w_100",)),
        ("a_auto_right,h_0.9,w_0.5", (400, 300), ("a_90", "h_0.9,w_0.5")),
        ("a_90,h_200,w_100", (400, 300), ("a_90,h_200,w_100",)),
    ],
)
def test_a_quarter_turn_is_made_first_when_it_is_due(text: str, source: Side, expected: tuple[str, ...]) -> None:
    assert tuple(map(build_component, turned_first(parse_component(text), source))) == expected


@pytest.mark.parametrize("text", ["a_auto_right", "a_auto_left,w_100", "a_auto_right,h_9"])
def test_without_a_ratio_nothing_says_when_to_turn(text: str) -> None:
    with pytest.raises(BadTransformation, match="needs a width and a height"):
        turned_first(parse_component(text), (40, 20))

"""Sizes of turned pictures; the pixels are in tests/vectors/picture/turn.txt."""

from __future__ import annotations

import pytest

from domicile.media.turns import rotated_size


@pytest.mark.parametrize(
    ("degrees", "size"), [(90, (200, 400)), (180, (400, 200)), (270, (200, 400)), (45, (424, 424)), (30, (446, 373))]
)
def test_a_turned_picture_fits_its_canvas(degrees: int, size: tuple[int, int]) -> None:
    assert rotated_size((400, 200), degrees) == size

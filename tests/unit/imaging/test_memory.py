"""Estimates of memory."""

from __future__ import annotations

import pytest

from domicile.imaging.memory import held, require
from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Window

SIZE = (100, 50)
WHOLE, CUT = Window((0, 0, 100, 50), SIZE), Window((0, 0, 10, 10), (10, 10))
HALF = Window((0, 0, 100, 50), (50, 25))


@pytest.mark.parametrize(
    ("mode", "window", "expected"),
    [
        ("RGB", WHOLE, 20_000),
        ("L", WHOLE, 5_000),
        ("RGB", CUT, 20_000 + 400),
        ("RGB", HALF, 20_000 + 50 * 50 * 4 + 50 * 25 * 4),
        ("RGB", Window((0, 0, 100, 50), (1, 40)), 20_000 + 100 * 40 * 4 + 1 * 40 * 4),
        ("RGBA", HALF, 20_000 * 2 + 50 * 50 * 4 + 50 * 25 * 4),
        ("RGB", Window((10, 10, 20, 20), (5, 5), cut=(10, 10, 30, 20)), 20_000 + 20 * 10 * 4 + 5 * 10 * 4 + 5 * 5 * 4),
        ("P", HALF, 5_000 + 20_000 + 50 * 50 + 50 * 25 * 4),
    ],
)
def test_a_window_holds_source_copy_and_results(mode: str, window: Window, expected: int) -> None:
    assert held(mode, SIZE, window) == expected


def test_one_byte_too_many_is_refused() -> None:
    require("RGB", SIZE, WHOLE, 20_000)
    with pytest.raises(LimitExceeded):
        require("RGB", SIZE, WHOLE, 19_999)

"""Breakpoints by search: few encodings, all of them told, evenly apart in bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.breakpoints import Breakpoints, search


def found(asked: Breakpoints, full: int, size: Callable[[int], int]) -> tuple[tuple[int, ...], list[int]]:
    """The widths that were chosen, and those that were measured."""
    steps, measured = search(asked, full), list[int]()
    try:
        width = next(steps)
        while True:
            measured.append(width)
            width = steps.send(size(width))
    except StopIteration as over:
        return over.value, measured


def photo(width: int) -> int:
    return 500 + width * width * 2 // 10


def test_files_stand_about_a_step_apart() -> None:
    chosen, measured = found(Breakpoints(min_width=50, max_width=1000, step_bytes=20_000), 4000, photo)
    assert (chosen[0], chosen[-1]) == (1000, 50)
    assert len(chosen) == 1 + (photo(1000) - photo(50)) // 20_000 == len(measured)
    gaps = [photo(wide) - photo(narrow) for wide, narrow in pairwise(chosen)]
    assert min(gaps) > 19_000
    assert max(gaps) < 25_000


def test_at_most_so_many_images_and_the_step_grows_with_it() -> None:
    chosen, measured = found(Breakpoints(step_bytes=1000, images_max=4), 4000, photo)
    assert len(chosen) == len(measured) == 4
    assert (chosen[0], chosen[-1]) == (1000, 50)


def test_nothing_is_enlarged_and_between_the_ends_no_file_is_told_that_saves_less_than_a_step() -> None:
    assert found(Breakpoints(), 300, photo)[0] == (300, 50)
    assert found(Breakpoints(), 20, photo) == ((20,), [20])
    assert found(Breakpoints(images_max=1), 4000, photo) == ((1000,), [1000])
    assert found(Breakpoints(step_bytes=1000), 4000, lambda _: 77)[0] == (1000, 50)


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.integers(1000, 50_000), st.integers(1, 20), st.integers(1, 5000),
    st.integers(0, 10**6),
)  # fmt: skip
def test_every_search_ends_within_its_count(low: int, more: int, step: int, images: int, full: int, seed: int) -> None:
    asked = Breakpoints(min_width=low, max_width=low + more, step_bytes=step, images_max=images)
    chosen, measured = found(asked, full, lambda width: (width * 7919 + seed) % 1_000_003)
    assert set(chosen) <= set(measured)
    assert len(measured) == len(set(measured)) <= max(images, 2)
    assert list(chosen) == sorted(chosen, reverse=True)
    assert all(1 <= width <= full for width in chosen)


@pytest.mark.parametrize("images", [1, 2, 20])
def test_the_widest_is_always_there(images: int) -> None:
    assert found(Breakpoints(images_max=images), 4000, photo)[0][0] == 1000

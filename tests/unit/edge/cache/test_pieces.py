from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.pieces import PIECES_MAX, NotHeld, Piece, Pieces
from edge.cache.ranges import Span

FILE = bytes(range(40))
spans = st.tuples(st.integers(0, 39), st.integers(1, 40)).map(lambda one: (one[0], min(40, one[0] + one[1])))


def part(start: int, end: int, content: bytes = FILE) -> Pieces:
    return Pieces(len(content), (Piece(start, content[start:end]),))


def union(*asked: tuple[int, int]) -> Pieces:
    found: Pieces | None = part(*asked[0])
    for one in asked[1:]:
        assert found is not None
        found = found.joined(part(*one))
    assert found is not None
    return found


@given(st.lists(spans, min_size=1, max_size=6), spans)
def test_what_is_held_is_the_union_and_nothing_else_is_given(
    asked: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    pieces = union(*asked)
    there = {number for start, end in asked for number in range(start, end)}
    assert {number for piece in pieces.held for number in range(piece.start, piece.end)} == there
    assert all(piece.data == FILE[piece.start : piece.end] for piece in pieces.held)
    assert all(before.end < after.start for before, after in zip(pieces.held, pieces.held[1:], strict=False))
    assert pieces.covers([Span(start=wanted[0], end=wanted[1])]) is (set(range(*wanted)) <= there)
    assert (pieces.whole == FILE) is (len(there) == 40)
    if (gap := pieces.gap) is not None:
        assert there >= {*range(gap.start), *range(gap.end, 40)} != set()
        assert not {gap.start, gap.end - 1} & there


async def test_bytes_that_are_not_there_are_an_error_and_not_others() -> None:
    pieces = union((0, 10), (20, 30))
    assert b"".join([piece async for piece in pieces.pieces(22, 29)]) == FILE[22:29]
    for start, end in [(0, 40), (5, 11), (15, 22), (30, 40)]:
        with pytest.raises(NotHeld):
            await anext(pieces.pieces(start, end))


@pytest.mark.parametrize(
    ("asked", "gap"),
    [
        ([(0, 10)], (10, 40)),
        ([(30, 40)], (0, 30)),
        ([(0, 10), (15, 20), (30, 40)], (10, 30)),
        ([(10, 20)], None),
        ([(0, 40)], None),
    ],
)
def test_what_is_missing_of_a_whole(asked: list[tuple[int, int]], gap: tuple[int, int] | None) -> None:
    assert union(*asked).gap == (None if gap is None else Span(start=gap[0], end=gap[1]))


def test_what_differs_or_comes_to_too_many_pieces_is_not_put_together() -> None:
    assert part(0, 10).joined(part(5, 15, bytes(40))) is None
    assert part(0, 10).joined(part(20, 30, FILE[:39])) is None
    size = 2 * PIECES_MAX + 1
    several = Pieces(size, tuple(Piece(2 * number, b"x") for number in range(PIECES_MAX)))
    assert several.joined(Pieces(size, (Piece(2 * PIECES_MAX, b"x"),))) is None
    assert several.joined(Pieces(size, (Piece(1, b"x"),))) is not None

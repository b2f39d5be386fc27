from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ranges import UNSATISFIABLE, Span, none_match, wanted_span

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-500", (0, 100)),
        ("Bytes=1-2", (1, 3)),
    ],
)
def test_a_single_range_is_cut_out(value: str, wanted: tuple[int, int]) -> None:
    assert wanted_span(value, None, etag=ETAG, body_bytes=100) == Span(start=wanted[0], end=wanted[1])


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-1,5-6",
        "items=0-1",
        "bytes=5-4",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "",
        "bytes=0-1x",
        "bytes=" + "9" * 99,
    ],
)
def test_what_is_not_one_range_of_bytes_gets_the_whole(value: str) -> None:
    assert wanted_span(value, None, etag=ETAG, body_bytes=100) is None


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(value: str) -> None:
    assert wanted_span(value, None, etag=ETAG, body_bytes=100) is UNSATISFIABLE


def test_if_range_wants_the_same_strong_tag() -> None:
    for other in ('W/"abc"', '"other"', "Tue, 24 Nov 2026 00:00:00 GMT"):
        assert wanted_span("bytes=0-1", other, etag=ETAG, body_bytes=100) is None
    assert wanted_span("bytes=0-1", ETAG, etag=ETAG, body_bytes=100) == Span(start=0, end=2)


@pytest.mark.parametrize("value", ['"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', "*", ' "abc" '])
def test_a_matching_validator_says_not_modified(value: str) -> None:
    assert none_match(value, etag=ETAG) is False


@pytest.mark.parametrize("value", [None, '"x"', "abc", '"ABC"', '"xabc"', "", '"abc'])
def test_any_other_validator_does_not(value: str | None) -> None:
    assert none_match(value, etag=ETAG) is True


@given(st.text(max_size=60), st.integers(0, 2**40))
def test_no_range_header_makes_a_span_outside_the_body(value: str, body_bytes: int) -> None:
    span = wanted_span("bytes=" + value, None, etag=ETAG, body_bytes=body_bytes)
    if isinstance(span, Span):
        assert 0 <= span.start < span.end <= body_bytes

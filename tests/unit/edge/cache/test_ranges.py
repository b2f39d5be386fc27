from __future__ import annotations

import email.parser
import email.policy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.ranges import (
    PARTS_MAX,
    UNSATISFIABLE,
    Span,
    Unsatisfiable,
    content_bytes,
    is_from_the_start,
    multipart,
    wanted_spans,
)


def spans(value: str, body_bytes: int = 100) -> Any:
    found = wanted_spans(value, body_bytes=body_bytes)
    return [(one.start, one.end) for one in found] if isinstance(found, tuple) else found


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
        ("bytes= 1 - 2 ", (1, 3)),
        ("bytes=,1-2,", (1, 3)),
    ],
)
def test_a_single_range_is_cut_out(value: str, wanted: tuple[int, int]) -> None:
    assert spans(value) == [wanted]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-1,5-6", [(0, 2), (5, 7)]),
        ("bytes=50-59 , 0-9,-1", [(50, 60), (0, 10), (99, 100)]),
        ("bytes=0-9,200-300", [(0, 10)]),
        ("bytes=0-9,10-19", [(0, 10), (10, 20)]),
        ("bytes=5-9,40-49,0-6", [(0, 10), (40, 50)]),
        ("bytes=0-,90-95", [(0, 100)]),
        (
            "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 2 * PARTS_MAX, 2)),
            [(at, at + 1) for at in range(0, 32, 2)],
        ),
    ],
)
def test_several_ranges_keep_their_order_and_those_that_overlap_are_one(value: str, wanted: list[Any]) -> None:
    assert spans(value) == wanted


@pytest.mark.parametrize(
    "value",
    [
        "items=0-1",
        "bytes=5-4",
        "bytes=0-1,5-4",
        "bytes=-",
        "bytes=",
        "bytes=,",
        "bytes=a-b",
        "",
        "bytes=0-1x",
        "bytes=0-1;2-3",
        "bytes=" + "9" * 99,
    ],
)
def test_what_is_no_range_of_bytes_gets_the_whole(value: str) -> None:
    assert spans(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 2 * PARTS_MAX + 2, 2)),
        "bytes=0-,0-,0-",
        "bytes=0-50,40-60,55-70",
        "bytes=" + " " * 700 + "0-1",
    ],
)
def test_more_than_a_reader_has_use_for_gets_the_whole(value: str) -> None:
    assert spans(value) is None


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,-0,700-"])
def test_a_range_beyond_the_end_cannot_be_satisfied(value: str) -> None:
    assert spans(value) is UNSATISFIABLE
    assert spans("bytes=0-", 0) is UNSATISFIABLE


@pytest.mark.parametrize(
    ("value", "is_so"),
    [("bytes=0-", True), ("bytes = 00 - 9", True), ("bytes=1-", False), ("bytes=-5", False), ("bytes=0-1,5-6", False)],
)
def test_a_range_from_the_start_is_told_from_others(value: str, is_so: bool) -> None:
    assert is_from_the_start(value) is is_so


def test_several_parts_are_what_a_reader_of_mime_takes_apart() -> None:
    body = bytes(range(100))
    asked = wanted_spans("bytes=90-,0-9", body_bytes=100)
    assert isinstance(asked, tuple)
    kind, content = multipart(asked, body_bytes=100, content_type="image/png", boundary="b0undary")
    sent = b"".join(part if isinstance(part, bytes) else body[part.start : part.end] for part in content)
    assert len(sent) == content_bytes(content)
    read = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + sent
    )
    assert [
        (part["content-range"], part.get_content_type(), part.get_payload(decode=True)) for part in read.iter_parts()
    ] == [("bytes 90-99/100", "image/png", body[90:]), ("bytes 0-9/100", "image/png", body[:10])]


@given(st.text(max_size=60), st.integers(0, 2**40))
def test_no_range_header_makes_a_span_outside_the_body(value: str, body_bytes: int) -> None:
    _check("bytes=" + value, body_bytes)


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), min_size=1, max_size=20), st.integers(0, 100))
def test_no_byte_is_sent_twice(asked: list[tuple[int, int]], body_bytes: int) -> None:
    _check("bytes=" + ",".join(f"{start}-{start + more}" for start, more in asked), body_bytes)


def _check(value: str, body_bytes: int) -> None:
    found = wanted_spans(value, body_bytes=body_bytes)
    if found is None or isinstance(found, Unsatisfiable):
        return
    assert 0 < len(found) <= PARTS_MAX
    assert all(0 <= span.start < span.end <= body_bytes for span in found)
    ordered = sorted(found, key=lambda span: span.start)
    assert all(one.end <= other.start for one, other in itertools.pairwise(ordered))
    assert Span(start=0, end=0) not in found

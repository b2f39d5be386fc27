from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.cache.fields import Fields, first, values
from edge.cache.partial import combined, completed, decide_part, for_the_gap, is_outdated, received_part, revalidating
from edge.cache.pieces import Piece, Pieces
from edge.cache.ranges import Span
from edge.cache.reuse import Decision, Forward, Use
from edge.cache.stored import Received, Stored
from edge.cache.validate import CONDITIONS
from tests.unit.edge.cache.heads import NOW, fields, got, stored

TAG = '"a"'
MISS = Decision(use=Use.MISS, forward=Forward.URI_MISS)


def answer(status: int = 206, **values: str) -> Received:
    head: dict[str, Any] = {"etag": TAG, "content_range": "bytes 2-5/10", **values}
    return got(status, **head)


def pieces(*held: tuple[int, bytes], body_bytes: int = 10) -> Pieces:
    return Pieces(body_bytes, tuple(Piece(start, data) for start, data in held))


def incomplete(*held: tuple[int, bytes], request: Fields = (), at: float = NOW, **values: str) -> Stored:
    head: dict[str, Any] = {"etag": TAG, "cache_control": "max-age=60", **values}
    return stored(request, at=at, body=pieces(*held), **head)


def test_a_part_is_kept_as_the_200_that_it_is_of() -> None:
    part = received_part((), answer(content_length="4", content_digest="x", foo="1"), body_bytes=4)
    assert part is not None
    assert (part.span, part.complete_bytes, part.got.status) == (Span(start=2, end=6), 10, 200)
    assert [name.lower() for name, _ in part.got.fields] == ["date", "etag", "foo"]


@pytest.mark.parametrize(
    ("values", "body_bytes"),
    [
        ({"status": 200}, 4),
        ({"etag": 'W/"a"'}, 4),
        ({"etag": "a"}, 4),
        ({}, 5),
        ({"content_range": "bytes 4-9/10"}, 5),  # what the public suite has: six bytes stated, five there
        ({"content_range": "bytes 2-5/*"}, 4),
        ({"content_range": "bytes 2-5/5"}, 4),
        ({"content_range": "bytes 5-2/10"}, 4),
        ({"content_range": "bytes 2-5/10, bytes 6-7/10"}, 4),
        ({"content_range": "lines 2-5/10"}, 4),
        ({"content_range": "bytes */10"}, 4),
        ({"content_type": "Multipart/byteranges; boundary=x"}, 4),
    ],
)
def test_what_does_not_say_plainly_which_bytes_of_what_it_is_is_not_kept(
    values: dict[str, Any], body_bytes: int
) -> None:
    assert received_part((), answer(**values), body_bytes=body_bytes) is None


def test_a_part_without_the_whole_head_or_without_a_tag_is_not_kept() -> None:
    assert received_part(fields(if_range=TAG), answer(), body_bytes=4) is None
    assert received_part((), got(206, content_range="bytes 2-5/10", last_modified="x"), body_bytes=4) is None
    assert received_part((), answer(), body_bytes=None) is not None  # judged at its end


@pytest.mark.parametrize(
    ("request_fields", "use"),
    [
        ({"range": "bytes=2-5"}, Use.HIT),
        ({"range": "bytes=3-3,5-5"}, Use.HIT),
        ({"range": "bytes=-2"}, Use.HIT),
        ({"range": "bytes=8-"}, Use.HIT),
        ({"range": "bytes=2-5", "if_range": TAG}, Use.HIT),
        ({"range": "bytes=2-5", "cache_control": "no-cache"}, Use.VALIDATE),
        ({"range": "bytes=2-5", "if_range": '"b"'}, Use.MISS),
        ({"range": "bytes=2-6"}, Use.MISS),
        ({"range": "bytes=1-5"}, Use.MISS),
        ({"range": "bytes=2-5,7-7"}, Use.MISS),
        ({"range": "bytes=20-"}, Use.MISS),
        ({}, Use.MISS),
        ({"if_none_match": TAG}, Use.MISS),
        ({"range": "lines=2-5"}, Use.MISS),
    ],
)
def test_a_hit_has_all_that_is_asked_for(request_fields: dict[str, str], use: Use) -> None:
    held = incomplete((2, b"2345"), (8, b"89"))
    assert decide_part(fields(**request_fields), [held], otherwise=MISS, now=NOW).use is use


def test_age_and_vary_count_as_for_a_whole() -> None:
    request = fields(range="bytes=2-5", foo="1")
    held = incomplete((2, b"2345"), request=request, vary="Foo", cache_control="max-age=60, stale-while-revalidate=60")
    assert decide_part(request, [held], otherwise=MISS, now=NOW).use is Use.HIT
    assert decide_part(request, [held], otherwise=MISS, now=NOW + 61).use is Use.VALIDATE
    assert decide_part(fields(range="bytes=2-5", foo="2"), [held], otherwise=MISS, now=NOW) is MISS
    asked = revalidating((*request, *fields(if_none_match='"mine"', if_range=TAG)), held)
    assert values(asked, "if-none-match") == [TAG]
    assert (values(asked, "range"), values(asked, "if-range"), values(asked, "foo")) == (["bytes=2-5"], [TAG], ["1"])


@pytest.mark.parametrize(
    ("status", "tag", "outdated"),
    [(206, TAG, False), (206, '"b"', True), (200, '"b"', True), (404, TAG, True), (416, "", False), (500, "", False)],
)
def test_what_tells_of_a_change(status: int, tag: str, outdated: bool) -> None:
    assert is_outdated(incomplete((2, b"2345")), got(status, etag=tag)) is outdated


def test_pieces_under_one_tag_are_put_together_until_they_are_the_whole() -> None:
    begin, end = incomplete((0, b"0123"), foo="old"), incomplete((3, b"3456"), at=NOW + 1, foo="new")
    both = combined(begin, end, bytes_max=7)
    assert both.body == pieces((0, b"0123456"))
    assert (first(both.fields, "foo"), both.received) == ("new", NOW + 1)
    assert combined(begin, end, bytes_max=6) is end
    assert combined(both, incomplete((7, b"789")), bytes_max=10).body == b"0123456789"


def test_pieces_under_another_tag_or_with_other_bytes_are_not() -> None:
    held, other = incomplete((0, b"0123")), incomplete((3, b"3456"), at=NOW + 1, etag='"b"')
    assert combined(held, other, bytes_max=99) is other
    assert combined(other, held, bytes_max=99) is other  # what comes in late is older
    lie = incomplete((3, b"xyz"))
    assert combined(held, lie, bytes_max=99) is lie


def test_the_rest_alone_is_asked_for_and_completes_the_whole() -> None:
    held = incomplete((0, b"01"), (6, b"6789"), foo="old", bar="kept")
    asked = for_the_gap(fields(range="bytes=0-", if_none_match="*", baz="1"), held)
    assert asked is not None
    assert {name.lower(): value for name, value in asked} == {"range": "bytes=2-5", "if-range": TAG, "baz": "1"}
    assert not CONDITIONS & {name.lower() for name, _ in for_the_gap((), incomplete((3, b"3"))) or ()}
    tail = for_the_gap((), incomplete((0, b"01234")))
    assert tail is not None
    assert values(tail, "range") == ["bytes=5-"]
    head = completed(held, answer(foo="new", age="7"), body_bytes=4)
    assert head is not None
    assert (head.status, first(head.fields, "foo"), first(head.fields, "bar")) == (200, "new", "kept")
    assert values(head.fields, "age") == ["7"]
    assert not values(head.fields, "content-range")


@pytest.mark.parametrize(
    "values", [{"etag": '"b"'}, {"content_range": "bytes 2-4/10"}, {"content_range": "bytes 2-5/11"}, {"status": 416}]
)
def test_another_part_completes_nothing(values: dict[str, Any]) -> None:
    held = incomplete((0, b"01"), (6, b"6789"))
    assert completed(held, answer(**values), body_bytes=None) is None
    assert completed(replace(held, body=pieces((0, b"01"))), answer(), body_bytes=4) is None

from __future__ import annotations

import pytest

from edge.cache.fields import joined
from edge.cache.validate import any_of, conditional, confirmed, is_about, updated, whole
from tests.unit.edge.cache.heads import fields, stored

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def test_both_validators_are_sent_and_the_viewers_own_conditions_are_not() -> None:
    one = stored(etag='W/"a"', last_modified=DATE)
    asked = conditional(fields(range="bytes=0-1", if_range='"x"', if_none_match='"y"', foo="1"), one)
    assert asked == (("Foo", "1"), ("If-None-Match", 'W/"a"'), ("If-Modified-Since", DATE))
    assert whole(fields(if_modified_since=DATE, foo="1")) == fields(foo="1")


def test_tags_of_all_variants_are_asked_about_once_each() -> None:
    known = [stored(etag='"a"'), stored(etag='"b"'), stored(etag='"a"'), stored()]
    assert joined(any_of((), known), "if-none-match") == '"a", "b"'
    assert any_of((), [stored()]) == ()


def test_a_confirmation_is_about_the_variant_with_its_tag() -> None:
    one, other = stored(etag='"a"'), stored(etag='"b"')
    assert confirmed([one, other], fields(etag='"b"')) is other
    assert confirmed([one, other], fields(etag='"c"')) is None
    assert confirmed([one, other], ()) is None
    assert confirmed([one], ()) is one


@pytest.mark.parametrize(
    "name, changes",
    [
        ("Foo", True), ("Content-Foo", True), ("Content-Type", True), ("Cache-Control", True), ("Set-Cookie", True),
        ("Content-Encoding", False), ("Content-Length", False), ("Content-Md5", False), ("Content-Range", False),
        ("Etag", False), ("Keep-Alive", False),
    ],
)  # fmt: skip
def test_a_confirmation_changes_fields_but_not_those_about_the_bytes(name: str, changes: bool) -> None:
    merged = updated(((name, "old"), ("Other", "1")), ((name.upper(), "new"), (name, "newer")))
    assert joined(merged, name.lower()) == ("new, newer" if changes else "old")
    assert joined(merged, "other") == "1"


@pytest.mark.parametrize(
    "head, fits",
    [
        ({}, True),
        ({"etag": '"a"', "last_modified": DATE, "content_length": "10"}, True),
        ({"etag": '"b"'}, False),
        ({"last_modified": "x"}, False),
        ({"content_length": "11"}, False),
    ],
)
def test_a_head_is_about_what_is_stored_or_shows_that_it_is_old(head: dict[str, str], fits: bool) -> None:
    assert is_about(stored(etag='"a"', last_modified=DATE), fields(**head)) is fits

from __future__ import annotations

from typing import Any

import pytest

from edge.cache.conditional import has_tag, is_same_tag, is_unmodified, wanted_parts
from edge.cache.dates import format_date
from edge.cache.ranges import Span, Unsatisfiable
from tests.unit.edge.cache.heads import NOW, fields, stored

OLD, THEN, NEW = (format_date(NOW - 60 + shift) for shift in (-1, 0, 1))


@pytest.mark.parametrize(
    "etag, condition, same",
    [
        ('"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('W/"a"', '"a"', True),
        ('"a"', '"b", "a"', True),
        ('"a"', '"b", "c"', False),
        ('"a"', "*", True),
        ('"a,b"', '"a", "b"', False),
        ('"\xe4"', '"\xe4"', True),
        ('"a"', "a", False),
        ("a", "a", True),
        ('"a"', '"' + "x" * 9000 + '", "a"', False),
    ],
)
def test_tags_are_compared_weakly(etag: str, condition: str, same: bool) -> None:
    assert is_unmodified(stored(etag=etag), fields(if_none_match=condition)) is same


def test_a_tag_beats_a_date() -> None:
    one = stored(etag='"a"', last_modified=THEN)
    assert not is_unmodified(one, fields(if_none_match='"b"', if_modified_since=NEW))
    assert is_unmodified(one, fields(if_none_match='"a"', if_modified_since=OLD))
    assert not is_unmodified(stored(last_modified=THEN), fields(if_none_match='"a"', if_modified_since=NEW))


@pytest.mark.parametrize("since, same", [(OLD, False), (THEN, True), (NEW, True), ("never", False)])
def test_a_date_is_compared_with_the_last_change(since: str, same: bool) -> None:
    assert is_unmodified(stored(last_modified=THEN), fields(if_modified_since=since)) is same


def test_without_a_last_change_the_date_of_the_answer_counts() -> None:
    assert is_unmodified(stored(), fields(if_modified_since=format_date(NOW)))
    assert not is_unmodified(stored(), fields(if_modified_since=format_date(NOW - 1)))
    assert not is_unmodified(stored(last_modified="never"), fields(if_modified_since=format_date(NOW)))


@pytest.mark.parametrize("status", [301, 404, 410, 500])
def test_conditions_are_about_successes(status: int) -> None:
    one = stored(status=status, etag='"a"')
    assert not is_unmodified(one, fields(if_none_match='"a"'))
    assert not is_unmodified(one, fields(if_none_match="*"))
    assert is_unmodified(stored(status=203, etag='"a"'), fields(if_none_match="*"))


def test_nothing_asked_is_nothing_answered() -> None:
    assert not is_unmodified(stored(etag='"a"'), ())


@pytest.mark.parametrize(
    "value, part",
    [
        ("bytes=0-1", (0, 2)),
        ("bytes=8-", (8, 10)),
        ("bytes=-3", (7, 10)),
        ("lines=0-1", None),
        ("bytes=2-1", None),
    ],
)
def test_one_range_is_cut_out_and_nonsense_gets_the_whole(value: str, part: tuple[int, int] | None) -> None:
    expected = None if part is None else (Span(start=part[0], end=part[1]),)
    assert wanted_parts(stored(), fields(range=value), body_bytes=10) == expected


def test_several_ranges_are_several_parts() -> None:
    parts = wanted_parts(stored(), fields(range="bytes=4-5,0-1"), body_bytes=10)
    assert parts == (Span(start=4, end=6), Span(start=0, end=2))


def test_a_range_that_lies_outside_is_refused() -> None:
    assert isinstance(wanted_parts(stored(), fields(range="bytes=10-"), body_bytes=10), Unsatisfiable)


@pytest.mark.parametrize(
    "held, condition, holds",
    [
        ({"etag": '"a"'}, '"a"', True),
        ({"etag": '"a"'}, '"b"', False),
        ({"etag": 'W/"a"'}, 'W/"a"', False),
        ({"last_modified": THEN}, THEN, True),
        ({"last_modified": THEN}, NEW, False),
        ({"last_modified": format_date(NOW)}, format_date(NOW), False),
        ({}, "never", False),
    ],
)
def test_a_range_of_other_content_is_not_sent(held: dict[str, Any], condition: str, holds: bool) -> None:
    part = wanted_parts(stored(**held), fields(range="bytes=0-1", if_range=condition), body_bytes=10)
    assert (part is not None) is holds


def test_only_a_whole_answer_has_parts() -> None:
    assert wanted_parts(stored(status=404), fields(range="bytes=0-1"), body_bytes=10) is None


@pytest.mark.parametrize("value", ['"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', "*", ' "abc" '])
def test_a_matching_validator_says_not_modified(value: str) -> None:
    assert has_tag(value, '"abc"')


@pytest.mark.parametrize("value", ['"x"', "abc", '"ABC"', '"xabc"', "", '"abc'])
def test_any_other_validator_does_not(value: str) -> None:
    assert not has_tag(value, '"abc"')


@pytest.mark.parametrize("condition", ['W/"abc"', '"other"', "Tue, 24 Nov 2026 00:00:00 GMT", "*", ""])
def test_if_range_wants_the_same_strong_tag(condition: str) -> None:
    assert not is_same_tag(condition, '"abc"')
    assert not is_same_tag(condition, condition if condition.startswith("W/") else None)
    assert is_same_tag(' "abc"', '"abc"')

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.fields import joined, members, split_list, unquoted, values, without

FIELDS = (("Foo", " 1 "), ("bar", "x"), ("FOO", "2,3"))


def test_lines_of_a_field_are_found_in_any_case_and_keep_their_order() -> None:
    assert values(FIELDS, "foo") == ["1", "2,3"]
    assert joined(FIELDS, "foo") == "1, 2,3"
    assert members(FIELDS, "foo") == ["1", "2", "3"]
    assert joined(FIELDS, "none") is None
    assert without(FIELDS, {"foo"}) == (("bar", "x"),)


@pytest.mark.parametrize(
    "text, parts",
    [
        ("a, b", ["a", "b"]),
        (" ,a,, b ,", ["a", "b"]),
        ('a="1,2", b', ['a="1,2"', "b"]),
        (r'a="\",", b', [r'a="\","', "b"]),
        ('a="1,2', ['a="1,2']),
        ("", []),
    ],
)
def test_a_list_is_split_outside_of_quotes(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


@given(st.lists(st.text("abc =;/", min_size=1).map(str.strip).filter(bool)))
def test_members_without_quotes_and_commas_come_back(parts: list[str]) -> None:
    assert split_list(" , ".join(parts)) == parts


@given(st.text(max_size=50))
def test_any_text_can_be_split(text: str) -> None:
    assert all(part == part.strip(" \t") for part in split_list(text))


@pytest.mark.parametrize(
    "text, content",
    [('"a"', "a"), (r'"a\"b"', 'a"b'), ('""', ""), ("a", None), ('"', None), ('"a"b"', None), ('"a\\"', None)],
)
def test_a_quoted_string_is_read_or_refused(text: str, content: str | None) -> None:
    assert unquoted(text) == content

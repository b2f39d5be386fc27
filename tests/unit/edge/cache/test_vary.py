from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.fields import Fields
from edge.cache.vary import VARIED_BY_MAX, selection, speaks, varies_by, wanted_language


@pytest.mark.parametrize(
    "lines, names",
    [
        ((), ()),
        (("Foo",), ("foo",)),
        (("Foo, bar", "BAR"), ("bar", "foo")),
        (("*",), None),
        (("*, *",), None),
        ((", *",), None),
        (("Foo, *",), None),
        (("*, Foo",), None),
        (("Foo", "*"), None),
        (("", "*"), None),
        ((", ".join(f"f{number}" for number in range(VARIED_BY_MAX + 1)),), None),
    ],
)
def test_what_a_response_varies_by(lines: tuple[str, ...], names: tuple[str, ...] | None) -> None:
    assert varies_by(tuple(("Vary", line) for line in lines)) == names


def same(name: str, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    def chosen(lines: tuple[str, ...]) -> object:
        return selection((name.lower(),), tuple((name, line) for line in lines))

    return chosen(one) == chosen(other)


@pytest.mark.parametrize(
    "name, one, other, equal",
    [
        ("Foo", ("1",), ("1",), True),
        ("Foo", ("1",), ("2",), False),
        ("Foo", ("1",), (), False),
        ("Foo", ("",), (), False),
        ("Foo", (), (), True),
        ("Foo", ("1", "2"), ("1, 2",), True),
        ("Foo", ("1,2",), (" 1 , 2 ",), True),
        ("Foo", ("1,2",), ("2,1",), False),
        ("Foo", ("a",), ("A",), False),
        ("Foo", ('"1, 2"',), ('"1,2"',), False),
        ("Accept-Language", ("en, de",), ("de, EN",), True),
        ("Accept-Language", ("en;q=0.5, de",), ("de, en; q=0.50",), True),
        ("Accept-Language", ("en;q=0.5, de",), ("de;q=0.5, en",), False),
        ("Accept-Language", ("en;q=x",), ("en",), False),
        ("Accept-Encoding", ("gzip, br",), ("br,gzip",), True),
    ],
)
def test_how_a_request_is_written_does_not_matter(
    name: str, one: tuple[str, ...], other: tuple[str, ...], equal: bool
) -> None:
    assert same(name, one, other) is equal


@pytest.mark.parametrize(
    "spoken, accept, fits",
    [
        ("de", "fr;q=0.5, de;q=1.0", True),
        ("de", "fr, de", False),
        ("de", "fr, de;q=0.9", False),
        ("de, en", "de", False),
        ("de", "de;q=0", False),
        ("de", "", False),
        ("de", "?", False),
        (None, "de", False),
    ],
)
def test_a_stored_language_serves_whoever_wants_it_most(spoken: str | None, accept: str, fits: bool) -> None:
    held: Fields = () if spoken is None else (("Content-Language", spoken),)
    language = wanted_language((("Accept-Language", accept),))
    assert (language is not None and speaks(language, ("accept-language",), held)) is fits
    assert not speaks(language or "", ("accept-language", "foo"), held)


@given(st.lists(st.from_regex(r"[a-z]{1,3}(;q=0\.[0-9])?", fullmatch=True), min_size=1, max_size=5), st.randoms())
def test_languages_can_come_in_any_order_and_on_any_lines(words: list[str], chance) -> None:
    shuffled = list(words)
    chance.shuffle(shuffled)
    assert same("Accept-Language", (", ".join(words),), tuple(shuffled))

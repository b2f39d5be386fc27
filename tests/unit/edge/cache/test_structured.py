from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.structured import Token, parse_dictionary


@pytest.mark.parametrize(
    "text, members",
    [
        ("max-age=60, must-revalidate", {"max-age": 60, "must-revalidate": True}),
        ("a=?0,b=?1", {"a": False, "b": True}),
        ("a=1.5;x=1;y, b=-3", {"a": 1.5, "b": -3}),
        (r'a="x\"y", b=tok/en', {"a": 'x"y', "b": "tok/en"}),
        ("a=(1 2);p, b=()", {"a": (1, 2), "b": ()}),
        ("a=:aGk=:", {"a": b"aGk="}),
        ("a=1, a=2", {"a": 2}),
        ("", {}),
    ],
)
def test_a_dictionary_is_read(text: str, members: dict[str, object]) -> None:
    assert parse_dictionary(text) == members


def test_a_token_is_told_from_a_string() -> None:
    found = parse_dictionary('a=word, b="word"')
    assert found is not None
    assert isinstance(found["a"], Token)
    assert not isinstance(found["b"], Token)


@pytest.mark.parametrize(
    "text",
    [
        "max-age=60, &&&&&",
        "max-age=60,",
        ",max-age=60",
        "max-age =60",
        "max-age= 60",
        "MaX-age=60",
        "a=1 b=2",
        'a="unclosed',
        "a=1.",
        "a=1.2345",
        "a=1234567890123456",
        "a=(1 2",
        "a=(1,2)",
        "a=?2",
        "a=\u00e9",
        "a=1;",
    ],
)
def test_one_malformed_part_makes_it_all_malformed(text: str) -> None:
    assert parse_dictionary(text) is None


@given(st.text(max_size=40))
def test_nothing_makes_the_reader_fail(text: str) -> None:
    parse_dictionary(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
        st.one_of(st.booleans(), st.integers(-999, 10**12), st.text("abc ,;=", max_size=8)),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(members: dict[str, object]) -> None:
    def written(value: object) -> str:
        if isinstance(value, bool):
            return f"?{value:d}"
        return f'"{value}"' if isinstance(value, str) else str(value)

    assert parse_dictionary(", ".join(f"{key}={written(value)}" for key, value in members.items())) == members

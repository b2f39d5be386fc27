from __future__ import annotations

import pytest

from domicile.media.breaks import broken, clusters


def lines(text: str, width: int) -> list[str]:
    """As if every cluster were one wide."""
    return broken(text, width, lambda first, last: float(last - first))


@pytest.mark.parametrize(
    "text, width, expected",
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 100, ["one two three"]),
        ("one  two", 3, ["one", "two"]),
        ("one two ", 7, ["one two"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a abcdefgh", 3, ["a", "abc", "def", "gh"]),
        ("well-known fact", 6, ["well-", "known", "fact"]),
        ("a -5 b", 3, ["a", "-5", "b"]),
        ("a\u00a0b c", 3, ["a\u00a0b", "c"]),
        ("日本の小説家", 4, ["日本の小", "説家"]),
        ("小説家。次", 3, ["小説", "家。次"]),
        ("小説「猫」", 3, ["小説", "「猫」"]),
        ("小ちゃん", 2, ["小", "ちゃ", "ん"]),
        ("ab日本", 3, ["ab日", "本"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
        ("", 3, [""]),
        ("   ", 2, [""]),
        ("x", 0, ["x"]),
    ],
)
def test_lines_end_where_they_may(text: str, width: int, expected: list[str]) -> None:
    assert lines(text, width) == expected


def test_nothing_but_spaces_at_the_ends_of_lines_is_lost() -> None:
    text = "The quick brown fox, 日本語 and क्षत्रिय 👨‍👩‍👧 jump over"
    for width in range(1, 40):
        assert "".join(lines(text, width)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text, count",
    [("abc", 3), ("e\u0301", 1), ("क्ष", 2), ("👨‍👩‍👧", 1), ("👍🏽", 1), ("❤\ufe0f", 1), ("", 0)],
)
def test_marks_and_joined_signs_stay_with_their_letter(text: str, count: int) -> None:
    assert len(clusters(text)) == count

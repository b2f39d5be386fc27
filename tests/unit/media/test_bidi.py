"""Expected orders are those of the reference implementation of UAX 9."""

from __future__ import annotations

import pytest

from domicile.media.bidi import base_level, levels, visual_order


def shown(text: str) -> str:
    return "".join(text[n] for n in visual_order(levels(text, base_level(text))))


@pytest.mark.parametrize(
    "text, visual",
    [
        ("abc def", "abc def"),
        ("אבג", "גבא"),
        ("abc אבג def", "abc גבא def"),
        ("אבג abc דהו", "והד abc גבא"),
        ("אבג 123", "123 גבא"),
        ("abc אבג 123", "abc 123 גבא"),
        ("אבג (abc) ד", "ד )abc( גבא"),
        ("abc (אבג) def", "abc (גבא) def"),
        ("بتث 12:30", "12:30 ثتب"),
        ("بتث 12-30", "30-12 ثتب"),
        ("אב 12-30", "12-30 בא"),
        ("אבג!", "!גבא"),
        ("אבג $12", "$12 גבא"),
        ("", ""),
    ],
)
def test_text_is_shown_in_its_order(text: str, visual: str) -> None:
    assert shown(text) == visual


def test_the_first_letter_tells_the_direction_of_a_paragraph() -> None:
    assert [base_level(text) for text in ("abc", "אבג", "12 אב a", "...", "ابج")] == [0, 1, 1, 0, 1]


def test_spaces_at_the_end_go_with_the_paragraph() -> None:
    assert levels("אב ", 0) == [1, 1, 0]
    assert levels("ab ", 1) == [2, 2, 1]


def test_marks_of_direction_count_and_embeddings_do_not() -> None:
    assert levels("a\u200f!", 0) == [0, 1, 0]
    assert levels("a!\u200f", 1) == [2, 1, 1]
    assert levels("a\u202eb", 0) == [0, 0, 0]

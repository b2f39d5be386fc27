from __future__ import annotations

import pytest

from domicile.media.public_id import PUBLIC_ID_CHARS_MAX, public_id_problem


@pytest.mark.parametrize(
    "text", ["a", "a/b/c", "a b", "%41", "w_100/x", "é" * PUBLIC_ID_CHARS_MAX, "\u202egnp", "a\u200bb", "..."]
)
def test_these_can_name_an_asset(text):
    assert public_id_problem(text) is None


@pytest.mark.parametrize(
    "text", ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a\\b", "a\nb", "\x00", "\x85", "\ud800"]
)
def test_these_cannot(text):
    assert public_id_problem(text) is not None


def test_a_name_has_a_greatest_length():
    assert public_id_problem("a" * (PUBLIC_ID_CHARS_MAX + 1)) == "public_id is too long"

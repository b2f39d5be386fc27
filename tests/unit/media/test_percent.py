from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

import pytest

from domicile.media.percent import percent_decode, percent_encode


@pytest.mark.parametrize("text", ["", "a b", "%41", "é/ü", "~!*'()", "\0\n", "😀", "a%2", "%zz%C3%a9"])
def test_it_agrees_with_the_standard_library(text):
    assert percent_encode(text, safe="/:") == quote(text, safe="/:")
    assert percent_decode(text) == unquote_to_bytes(text)
    assert percent_decode(percent_encode(text)) == text.encode()


def test_an_unreserved_character_can_be_made_unsafe():
    assert percent_encode("a.b~c", unsafe=".") == "a%2Eb~c"


def test_half_a_surrogate_pair_is_a_question_mark():
    assert percent_encode("\ud800", safe="") == "%3F"

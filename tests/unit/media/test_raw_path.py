from __future__ import annotations

import pytest

from domicile.media.errors import BadUrl
from domicile.media.raw_path import Segment, join_remote, read_segments


def test_segments_are_decoded_once_and_kept_raw():
    assert read_segments("/a%2541/%c3%a9?b/c") == [Segment("a%2541", "a%41"), Segment("%c3%a9", "é")]


def test_only_a_fetched_address_may_have_empty_segments():
    assert [segment.raw for segment in read_segments("/c/image/fetch/http://x/")][3:] == ["http:", "", "x", ""]
    with pytest.raises(BadUrl):
        read_segments("/c/image/upload/http://x/")
    with pytest.raises(BadUrl):
        read_segments("/c/image/fetch//http://x")


@pytest.mark.parametrize("raw", ["http:/x/y", "http://x/y"])
def test_a_merged_slash_of_an_address_is_put_back(raw):
    assert join_remote([Segment(part, part) for part in raw.split("/")]) == Segment("http://x/y", "http://x/y")


@pytest.mark.parametrize("segment", [".", "..", "%2e", "%2E.", "%C2%80", "%C2%9F", "\x80", "%7f", "%0a"])
def test_dot_segments_and_control_characters_are_refused_in_any_spelling(segment):
    with pytest.raises(BadUrl):
        read_segments(f"/demo/image/fetch/http://x/{segment}/y")


@pytest.mark.parametrize("raw", ["l_text:Arial_20:a%0Ab", "u_text:Arial_20:a%0d%0ab", "co_red,l_text:Arial_20:%0A%0A"])
def test_the_lines_of_a_text_layer_may_be_broken(raw):
    segments = read_segments(f"/demo/image/upload/{raw}/pic")
    assert segments[3].raw == raw
    assert "\n" in segments[3].text


@pytest.mark.parametrize(
    "path",
    [
        *("/demo/image/upload/l_text:Arial_20:a%0Db/pic", "/demo/image/upload/l_text:Arial_20:a%00b/pic"),
        *("/demo/image/upload/l_text:Arial_20:a%09b/pic", "/demo/image/upload/l_text:Arial_20:a\nb/pic"),
        *(
            "/demo/image/upload/l_texts:a%0Ab/pic",
            "/demo/image/upload/l_text/pic%0A",
            "/demo/image/upload/l_logo%0A/pic",
        ),
        *("/demo/image/upload/l_text:a/pic%0Aa", "/demo/image/upload/l_text:Arial_20:a%%0A0d/pic"),
        *("/demo/image/upload/l_text:Arial_20:a%0%0A0/pic", "/demo/image/fetch/http://x/l_text:Arial_20:a%0Ab"),
    ],
)
def test_nothing_else_of_a_path_may(path):
    with pytest.raises(BadUrl):
        read_segments(path)

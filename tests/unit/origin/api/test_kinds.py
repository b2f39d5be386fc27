from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest
from domicile.media.raw import BYTES, raw_facts, raw_type
from origin.api.kinds import check_as_it_is, kind_of
from origin.api.params import Params


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image"),
        (b"%PDF-1.7", "image"),
        (b"<svg xmlns='x'/>", "image"),
        (b"<html><body>", "raw"),
        (b"8BPS", "raw"),
        (b"a,b\n1,2\n", "raw"),
        (b"\xff\xfea\0", "raw"),
        (b"\x1aE\xdf\xa3film", "video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video"),
        (b"\0\0\0\x14ftypmp42\0\0\0\0", "video"),
        (b"\0\0\0\x14ftypavif\0\0\0\0", "image"),
        (b"\0\0\0\x14ftypheic\0\0\0\0", "image"),
        (b"RIFF\0\0\0\0WAVEfmt ", "video"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"ID3\4\0\0\0\0\0\0", "video"),
        (b"\xff\xfb\x90\x64", "video"),
    ],
)
def test_auto_goes_by_the_first_bytes(body: bytes, kind: str) -> None:
    assert kind_of("auto", body) == kind
    assert kind_of("raw", body) == "raw"
    assert kind_of("image", body) == "image"


def test_a_raw_file_has_nothing_of_a_picture() -> None:
    check_as_it_is("raw", Params({"tags": "a", "faces": "0", "eager": ""}))
    with pytest.raises(BadRequest, match="eager is not for raw files"):
        check_as_it_is("raw", Params({"eager": "w_5"}))


def test_a_film_is_not_transformed() -> None:
    check_as_it_is("video", Params({"tags": "a", "faces": "0"}))
    with pytest.raises(BadRequest, match="Video transformations are not supported"):
        check_as_it_is("video", Params({"eager": "w_5"}))
    with pytest.raises(BadRequest, match="phash is not for videos"):
        check_as_it_is("video", Params({"phash": "1"}))


def test_facts_of_a_raw_file_are_its_size() -> None:
    assert raw_facts(5).body_bytes == 5


@pytest.mark.parametrize("name", ["x.html", "x.htm", "x.svg", "x.xml", "x.xhtml", "x.swf", "x.unknown", "x"])
def test_what_a_browser_could_run_as_a_page_is_bytes(name: str) -> None:
    assert raw_type(name) == BYTES

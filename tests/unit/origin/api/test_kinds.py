from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest
from domicile.media.raw import BYTES, raw_facts, raw_type
from origin.api.kinds import check_raw, check_resource_type, kind_of
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
    ],
)
def test_auto_goes_by_the_first_bytes(body: bytes, kind: str) -> None:
    assert kind_of("auto", body) == kind
    assert kind_of("raw", body) == "raw"
    assert kind_of("image", body) == "image"


@pytest.mark.parametrize("body", [b"\x1aE\xdf\xa3film", b"\0\0\0\x14ftypqt  \0\0\0\0"])
def test_a_film_is_no_file_that_auto_keeps_in_silence(body: bytes) -> None:
    for wrong in (lambda: kind_of("auto", body), lambda: check_resource_type("video")):
        with pytest.raises(BadRequest, match="video is not supported yet"):
            wrong()


def test_a_raw_file_has_nothing_of_a_picture() -> None:
    check_raw(Params({"tags": "a", "faces": "0", "eager": ""}))
    with pytest.raises(BadRequest, match="eager is not for raw files"):
        check_raw(Params({"eager": "w_5"}))
    assert raw_facts(5).body_bytes == 5


@pytest.mark.parametrize("name", ["x.html", "x.htm", "x.svg", "x.xml", "x.xhtml", "x.swf", "x.unknown", "x"])
def test_what_a_browser_could_run_as_a_page_is_bytes(name: str) -> None:
    assert raw_type(name) == BYTES

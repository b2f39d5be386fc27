from __future__ import annotations

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request

from domicile.media.errors import BadRequest
from origin.api.chunked import UPLOAD_ID_HEADER, Part, part_of
from origin.records import Piece


def part(content_range: str | None, body_bytes: int, upload: str = "abc") -> Part | None:
    headers = {UPLOAD_ID_HEADER: upload} | ({hdrs.CONTENT_RANGE: content_range} if content_range else {})
    return part_of(make_mocked_request("POST", "/", headers), body_bytes)


def test_a_part_says_where_it_belongs() -> None:
    assert part("bytes 5-9/20", 5) == Part(upload="abc", piece=Piece(start=5, end=10, total=20))
    assert part("bytes 5-9/-1", 5) == Part(upload="abc", piece=Piece(start=5, end=10, total=None))


@pytest.mark.parametrize("content_range", [None, "bytes 0-4/5"])
def test_a_file_in_one_piece_is_no_part(content_range: str | None) -> None:
    assert part(content_range, 5, upload="") is None


@pytest.mark.parametrize(
    ("content_range", "upload"),
    [
        ("bytes 0-4/20", ""),
        ("bytes 0-4/20", "a b"),
        ("bytes 0-5/20", "a"),
        ("bytes 0-4/3", "a"),
        ("0-4/20", "a"),
        ("bytes 9-4/20", "a"),
    ],
)
def test_what_does_not_say_what_was_sent_is_refused(content_range: str, upload: str) -> None:
    with pytest.raises(BadRequest):
        part(content_range, 5, upload)

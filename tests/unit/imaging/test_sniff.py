"""First bytes decide; what is known and not accepted says so."""

from __future__ import annotations

import pytest

from domicile.imaging.sniff import sniff
from domicile.media.errors import UndecodableMedia


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF89a", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heix", "heic"),
        (b"<?xml version='1.0'?><svg xmlns=''>", "svg"),
        (b"\xef\xbb\xbf <!-- a --><s:svg>", "svg"),
        ("<?xml version='1.0'?><svg>".encode("utf-16"), "svg"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"BM", "bmp"),
        (b"\0\0\1\0", "ico"),
    ],
)
def test_allowed_formats_are_known_by_their_first_bytes(head: bytes, name: str) -> None:
    assert sniff(memoryview(head + bytes(20))) == name


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "Empty file"),
        (b"\0", "Invalid image file"),
        (b"<html>", "Invalid image file"),
        (b"<html><b>svg</b>", "Invalid image file"),
        (b"text <svg>", "Invalid image file"),
        (b"RIFF\0\0\0\0WAVE", "Invalid image file"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "video"),
        (b"\x1aE\xdf\xa3", "video"),
    ],
)
def test_the_rest_is_refused_with_a_clear_message(head: bytes, message: str) -> None:
    with pytest.raises(UndecodableMedia, match=message):
        sniff(memoryview(head))

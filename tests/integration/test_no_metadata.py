"""No output holds metadata of its original: an independent byte scan, and exiftool where it is installed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domicile.imaging.job import Done, MediaLimits, RenderJob
from tests.corpus import require_corpus
from tests.pictures.heics import heic_with_gps
from tests.pictures.pdfs import pdf_with_gps
from tests.pictures.svgs import svg_with_gps
from tests.pictures.walled import Render, walled

SOURCES = (
    "exif/gps_dscn0010.jpg",
    "exif/gps_paris_icc_xmp.jpg",
    "exif/gps_at_end.png",
    "photos/phone_12mp_exif6_gps_p3.jpg",
    "photos/wiki_screenshot.png",
    "exif/landscape_1.jpg",
    "exif/landscape_6.jpg",
    "poly/jpeg_php_com.jpg",
    "poly/jpeg_zip_tail.jpg",
    "poly/png_html_text.png",
    "anim/loop3.gif",
    "icc/cmyk_icc.jpg",
)
FORMATS = ("jpg", "png", "webp", "avif", "gif")
MARKS = (
    b"Exif",
    b"EXIF",
    b"eXIf",
    b"xmpmeta",
    b"adobe.com/xap",
    b"XMP ",
    b"XMP Data",
    b"Photoshop",
    b"8BIM",
    b"ICC_PROFILE",
    b"ICCP",
    b"iCCP",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"tIME",
    b"GPS",
    b"<?php",
    b"PK\x03\x04",
)
"""Signatures of metadata blocks in any container, and what the polyglots carry."""
ALLOWED_GROUPS = frozenset(
    {"SourceFile", "ExifTool", "File", "Composite", "JFIF", "APP14", "PNG", "RIFF", "GIF", "QuickTime", "Meta", "SVG"}
)
SUSPICIOUS = (
    "gps",
    "xmp",
    "iptc",
    "comment",
    "thumbnail",
    "software",
    "artist",
    "copyright",
    "profile",
    "create",
    "modify",
    "title",
    "desc",
)
HARMLESS = frozenset(
    {"File:FileModifyDate", "QuickTime:ColorProfiles", "QuickTime:SeqProfile"}
    | {f"QuickTime:{name}" for name in ("CreateDate", "ModifyDate", "TrackCreateDate", "TrackModifyDate")}
    | {f"QuickTime:{name}" for name in ("MediaCreateDate", "MediaModifyDate")}
)
"""AVIF says that its colours are sRGB (nclx, no ICC); times in the tracks of an animated one are zero."""


MADE: dict[str, Callable[[], bytes]] = {"heic": heic_with_gps, "pdf": pdf_with_gps, "svg": svg_with_gps}
"""Small files of formats whose only sample in the corpus is large."""


@pytest.fixture(scope="module")
def render() -> Iterator[Render]:
    with walled() as found:
        yield found


def _outputs(render: Render, corpus: Path, source: str) -> list[tuple[str, bytes]]:
    return _outputs_of(render, source, (corpus / "media" / source).read_bytes())


def _outputs_of(render: Render, source: str, body: bytes) -> list[tuple[str, bytes]]:
    found = []
    for transformation, extension in [("", None), *(("w_100", extension) for extension in FORMATS)]:
        job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=MediaLimits())
        outcome, made = render(body, job)
        assert isinstance(outcome, Done), (source, transformation, outcome)
        found.append((f"{transformation or 'untouched'}.{outcome.format}", made))
    return found


@pytest.mark.corpus
@pytest.mark.parametrize("source", SOURCES)
def test_no_output_holds_a_block_of_metadata(source: str, tmp_path: Path, render: Render) -> None:
    corpus = require_corpus()
    for name, body in _outputs(render, corpus, source):
        # Compressed pixels hold any four bytes now and then: count signatures only where headers are.
        found = [mark for mark in MARKS if mark in _outside_pixels(body)]
        assert found == [], (source, name)
        (tmp_path / name).write_bytes(body)
    _check_with_exiftool(tmp_path)


@pytest.mark.parametrize("source", sorted(MADE))
def test_no_output_of_a_made_file_holds_a_block_of_metadata(source: str, tmp_path: Path, render: Render) -> None:
    body = MADE[source]()
    assert {mark for mark in MARKS if mark in body}, "the file must carry something to lose"
    for name, output in _outputs_of(render, source, body):
        assert [mark for mark in MARKS if mark in _outside_pixels(output)] == [], (source, name)
        (tmp_path / name).write_bytes(output)
    _check_with_exiftool(tmp_path)


def test_the_scan_sees_what_is_there() -> None:
    corpus = require_corpus()
    for source, mark in (("exif/gps_dscn0010.jpg", b"Exif"), ("exif/gps_at_end.png", b"eXIf")):
        assert mark in _outside_pixels((corpus / "media" / source).read_bytes())


def _outside_pixels(body: bytes) -> bytes:
    """The bytes that are not compressed pixels; written apart from domicile.imaging.containers on purpose."""
    if body.startswith(b"\x89PNG"):
        kept, at = b"", 8
        while at < len(body):
            length = int.from_bytes(body[at : at + 4], "big")
            kind = body[at + 4 : at + 8]
            kept += kind if kind in {b"IDAT", b"fdAT"} else body[at : at + 12 + length]
            at += 12 + length
        return kept
    if body.startswith(b"\xff\xd8"):
        kept, rest = b"", body
        while (scan := rest.find(b"\xff\xda")) >= 0:
            kept, rest = kept + rest[:scan], rest[scan + 2 :]
            at = 0
            while (at := rest.find(b"\xff", at)) >= 0 and (rest[at + 1] == 0 or 0xD0 <= rest[at + 1] <= 0xD7):
                at += 2
            rest = rest[at:] if at >= 0 else b""
        return kept + rest
    if body.startswith(b"RIFF"):
        kept, at = b"", 12
        while at < len(body):
            length = int.from_bytes(body[at + 4 : at + 8], "little")
            kind = body[at : at + 4]
            kept += (
                kind if kind in {b"VP8 ", b"VP8L", b"ALPH", b"ANMF"} else body[at : at + 8 + length]
            )  # codespell:ignore
            at += 8 + length + (length & 1)
        return kept
    if body.startswith(b"GIF8"):
        return body[: body.index(b"\x2c")] + body[-200:]
    if body.startswith(b"<svg"):
        inside = body.partition(b";base64,")[2].partition(b'"')[0]
        return body + (_outside_pixels(base64.b64decode(inside)) if inside else b"")
    return body[: body.index(b"mdat")]  # AVIF: boxes come before the pixels


def _check_with_exiftool(folder: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("the bytes were scanned; ExifTool did not look: apt-get install libimage-exiftool-perl")
    answer = subprocess.run(
        ["exiftool", "-j", "-G", "-a", "-u", str(folder)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    for tags in json.loads(answer.stdout):
        odd = {tag for tag in tags if tag.partition(":")[0] not in ALLOWED_GROUPS}
        odd |= {tag for tag in tags if any(word in tag.lower() for word in SUSPICIOUS)} - HARMLESS
        assert odd == set(), tags["SourceFile"]

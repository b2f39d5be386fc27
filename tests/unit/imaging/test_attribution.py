"""Who made a picture may stay where a policy allows it: those texts, written anew, and nothing else of the original."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from domicile.imaging.attribution import TEXT_CHARACTERS_MAX, packet
from domicile.imaging.job import Done, MediaLimits, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.source import open_source
from tests.pictures.synthetic import quadrants, saved

LIMITS = MediaLimits()
SECRET = "canary9c1e"
XMP = f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="{SECRET}" photoshop:Credit="Agency" photoshop:City="{SECRET}"
 photoshop:Headline="Head &lt;b&gt;" photoshop:DateCreated="{SECRET}">
<dc:creator><rdf:Seq><rdf:li>Jane Doe</rdf:li><rdf:li>John</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Jane</rdf:li></rdf:Alt></dc:rights>
<dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></dc:subject><dc:source>{SECRET}</dc:source>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def _iptc(*sets: tuple[int, bytes]) -> bytes:
    data = b"\x1c\x01\x5a\0\x03\x1b%G" + b"".join(
        b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value for number, value in sets
    )
    resource = b"8BIM\x04\x0d\0\0\0\0\0\x02xy" + b"8BIM\x04\x04\0\0" + len(data).to_bytes(4, "big") + data
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x013B], exif[0x8298], exif[0x0132] = "Exif Artist", "Exif Rights", SECRET
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return exif.tobytes()


def with_iptc() -> bytes:
    body = saved(quadrants(64, 48), "JPEG", exif=_exif())
    sets = ((80, "Zoë".encode()), (116, b"(c) Z"), (90, SECRET.encode()), (105, b"Head"), (25, b"one"), (25, b"two"))
    return body[:2] + _iptc(*sets) + body[2:]


FILES = {
    "jpg-xmp": lambda: saved(quadrants(64, 48), "JPEG", xmp=XMP, exif=_exif()),
    "jpg-iptc": with_iptc,
    "jpg-exif": lambda: saved(quadrants(64, 48), "JPEG", exif=_exif()),
    "webp-xmp": lambda: saved(quadrants(64, 48), "WEBP", xmp=XMP, exif=_exif()),
    "avif-xmp": lambda: saved(quadrants(64, 48), "AVIF", xmp=XMP, exif=_exif()),
}


def made(body: bytes, flags: str, extension: str, metadata: str, redaction: str = "") -> bytes:
    job = RenderJob(
        transformation=f"fl_{flags},w_40" if flags else "w_40",
        extension=extension, bucket="", limits=LIMITS, metadata=metadata, redaction=redaction,
    )  # fmt: skip
    outcome, output = render(body, job)
    assert isinstance(outcome, Done), outcome
    return output


def read(body: bytes, tmp_path: Path) -> dict[str, object]:
    """What ExifTool finds, without what every file has."""
    if shutil.which("exiftool") is None:
        pytest.skip("needs ExifTool: apt-get install libimage-exiftool-perl")
    (tmp_path / "file").write_bytes(body)
    answer = subprocess.run(
        ["exiftool", "-j", "-G1", "-a", "-u", str(tmp_path / "file")], capture_output=True, check=True, timeout=60
    )
    [tags] = json.loads(answer.stdout)
    return {
        tag: value for tag, value in tags.items() if tag.startswith(("XMP", "IPTC", "IFD0", "GPS", "EXIF", "Photo"))
    }


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
@pytest.mark.parametrize("source", sorted(FILES))
def test_attribution_is_kept_and_nothing_else(source: str, extension: str, tmp_path: Path) -> None:
    output = made(FILES[source](), "keep_attribution", extension, "attribution")
    found = read(output, tmp_path)
    expected: dict[str, dict[str, object]] = {
        "xmp": {"XMP-dc:Creator": ["Jane Doe", "John"], "XMP-dc:Rights": "(c) Jane", "XMP-photoshop:Credit": "Agency"},
        "iptc": {"XMP-dc:Creator": "Zoë", "XMP-dc:Rights": "(c) Z"},
        "exif": {"XMP-dc:Creator": "Exif Artist", "XMP-dc:Rights": "Exif Rights"},
    }
    assert found == expected[source.partition("-")[2]]
    assert SECRET.encode() not in output
    with Image.open(io.BytesIO(output)) as image:
        image.load()
        assert image.size == (40, 30)


def test_iptc_keeps_what_is_said_of_the_picture_and_no_place(tmp_path: Path) -> None:
    found = read(made(with_iptc(), "keep_iptc", "jpg", "iptc"), tmp_path)
    assert found == {
        "XMP-dc:Creator": "Zoë", "XMP-dc:Rights": "(c) Z", "XMP-photoshop:Headline": "Head",
        "XMP-dc:Subject": ["one", "two"],
    }  # fmt: skip
    found = read(made(FILES["jpg-xmp"](), "keep_iptc", "png", "iptc"), tmp_path)
    assert found["XMP-photoshop:Headline"] == "Head <b>"
    assert found["XMP-dc:Subject"] == "cat"


@pytest.mark.parametrize(
    ("flags", "metadata", "redaction"),
    [
        ("keep_iptc", "none", ""),
        ("keep_attribution", "none", ""),
        ("", "iptc", ""),
        ("force_strip.keep_iptc", "iptc", ""),
        ("keep_iptc", "iptc", "pixelate_faces"),
    ],
)
@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_nothing_is_kept_unless_it_is_asked_for_and_allowed_and_nobody_is_hidden(
    extension: str, flags: str, metadata: str, redaction: str
) -> None:
    for body in FILES.values():
        assert b"xmpmeta" not in made(body(), flags, extension, metadata, redaction)


def test_a_policy_of_attribution_gives_no_more_to_those_who_ask_for_more() -> None:
    output = made(with_iptc(), "keep_iptc", "jpg", "attribution")
    assert b"creator" in output
    assert b"Headline" not in output
    assert b"subject" not in output


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x:xmpmeta",
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        b"<a>" * 200 + b"</a>" * 200,
        b"\xff\xfe\x00",
    ],
)
def test_bad_metadata_is_no_reason_to_refuse_a_picture(xmp: bytes) -> None:
    output = made(saved(quadrants(64, 48), "JPEG", xmp=xmp), "keep_iptc", "jpg", "iptc")
    assert b"xmpmeta" not in output


@pytest.mark.parametrize("cut", range(0, 90, 7))
def test_a_cut_off_block_is_read_as_far_as_it_goes(cut: int) -> None:
    body = saved(quadrants(64, 48), "JPEG")
    block = _iptc((80, b"Jane"), (116, b"(c)"))[4:]
    short = block[: len(block) - cut] if cut else block
    segment = b"\xff\xed" + (len(short) + 2).to_bytes(2, "big") + short
    packet(open_source(body[:2] + segment + body[2:], LIMITS), "iptc")


def test_texts_are_one_line_and_not_long() -> None:
    body = saved(quadrants(64, 48), "JPEG")
    body = body[:2] + _iptc((80, b"a\r\nb\0" + b"x" * 5000)) + body[2:]
    text = packet(open_source(body, LIMITS), "attribution").decode()
    assert "a b x" in text
    assert len(text) < TEXT_CHARACTERS_MAX + 600


@pytest.mark.parametrize(
    "inside",
    [
        "<exif:GPSLatitude><rdf:li>{0}</rdf:li></exif:GPSLatitude>",
        "<exif:GPSLatitude><rdf:Seq><rdf:li>{0}</rdf:li></rdf:Seq></exif:GPSLatitude>",
        "<rdf:Seq><rdf:li>Jane<exif:GPSLatitude>{0}</exif:GPSLatitude></rdf:li></rdf:Seq>",
        "<rdf:Seq><rdf:li><exif:P><rdf:Seq><rdf:li>{0}</rdf:li></rdf:Seq></exif:P></rdf:li></rdf:Seq>",
    ],
)
def test_another_property_inside_a_field_is_no_text_of_that_field(inside: str) -> None:
    creator = f"<dc:creator>{inside.format(SECRET)}</dc:creator>".encode()
    begin, end = XMP.index(b"<dc:creator>"), XMP.index(b"</dc:creator>") + len(b"</dc:creator>")
    body = saved(quadrants(64, 48), "JPEG", xmp=XMP[:begin] + creator + XMP[end:])
    found = packet(open_source(body, LIMITS), "iptc")
    assert b"Agency" in found
    assert SECRET.encode() not in found

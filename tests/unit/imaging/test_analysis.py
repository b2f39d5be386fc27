"""What is told of pictures whose answer is known; the hashes were computed once by other programs (see the vectors)."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageFilter, TiffImagePlugin

from domicile.imaging.analysis.focus import focus_of
from domicile.imaging.analysis.look import analysis_of
from domicile.imaging.analysis.metadata import metadata_of
from domicile.imaging.analysis.palette import PALETTES, colors_of, names_of
from domicile.imaging.analysis.phash import phash_of
from domicile.imaging.analysis.placeholders import blurhash_of, thumbhash_of
from domicile.imaging.job import MediaLimits
from domicile.imaging.source import Source, open_source
from domicile.media.analysis import METADATA_VALUE_CHARS_MAX, NOTHING, WISHES, Analysis, is_sane
from tests.corpus import require_corpus
from tests.pictures.synthetic import animation, hidden, quadrants, ramp, saved, spotted

LIMITS = MediaLimits()
VECTORS = {
    "two_people_shop.jpg": ("9c816cbc7c4683e7", "LNHV3FGZ9Z,t?IVrRPJT0O#S%LI[", "3vgJHYgomIpcZlaAe4mnpYC2AqeK"),
    "kodim04_woman_hat.png": ("9fe5b0eac3910786", "TBFz.~4.Ng[ecDtm^RnSY5}^SwT0", "2FgGDQSAi6lpx7fYiIuWeAk3iPjE"),
    "kodim23_parrots.png": ("c7b6353c39b13a60", "LFF#?Xy-0L8{%5EMTF-OI=vzx[S~", "GRkGFYgKQ5xqmLZ2iWeXd25QBYdX"),
    "koala.png": ("e79c189b406ae85f", "LEF~5B~B#P9F_ND*IAxurVMxIV%g", "2xgGFwJ8YrtPpXllpoh3Z3inyE/m/oUN"),
}
"""Equal to what imagehash 4.3, blurhash-python 1.2 and thumbhash-python 1.0 make of the same (small) pictures."""


def source(body: bytes) -> Source:
    return open_source(body, LIMITS)


def bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_hashes_are_those_that_other_programs_make(name: str) -> None:
    body = (require_corpus() / "media" / "photos" / name).read_bytes()
    found = analysis_of(source(body), LIMITS, WISHES - {"faces"})
    phash, blurhash, thumbhash = VECTORS[name]
    assert found.phash is not None
    assert bits(found.phash, phash) <= 2, "decoders differ a little"
    assert found.blurhash is not None
    assert found.thumbhash is not None
    assert len(found.blurhash) == len(blurhash)
    assert found.blurhash[:6] == blurhash[:6]
    assert found.thumbhash[:6] == thumbhash[:6]
    assert is_sane(found)


def test_alike_pictures_are_near_and_others_far() -> None:
    picture = spotted(400, 300, 40, 30, 120)
    same = Image.open(io.BytesIO(saved(picture, "JPEG"))).resize((200, 150))
    assert bits(phash_of(picture), phash_of(same)) <= 6
    assert bits(phash_of(picture), phash_of(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) >= 12


def test_a_flat_picture_has_a_hash_and_placeholders() -> None:
    flat = Image.new("RGB", (40, 30), (200, 30, 90))
    assert phash_of(flat) == "8000000000000000"
    assert is_sane(Analysis(blurhash=blurhash_of(flat), thumbhash=thumbhash_of(flat)))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_small_and_narrow_pictures_have_everything(size: tuple[int, int]) -> None:
    found = analysis_of(source(saved(ramp(*size))), LIMITS, WISHES - {"faces"})
    assert found.known == WISHES - {"faces"}
    assert is_sane(found)


def test_nothing_is_told_that_nobody_wished_for() -> None:
    assert analysis_of(source(saved(ramp(9, 9))), LIMITS, ()) == NOTHING
    assert analysis_of(source(saved(ramp(9, 9))), LIMITS, ("phash",)).known == {"phash"}


def test_transparency_is_in_a_thumbhash_and_its_colours_count_nowhere() -> None:
    picture = hidden(100, 50)
    assert len(thumbhash_of(picture)) > 0
    seen = {name for name, _ in names_of(colors_of(picture))["google"]}
    assert seen <= set(PALETTES["google"])
    assert colors_of(Image.new("RGBA", (5, 5), (255, 0, 0, 0))) == ()


def test_colours_are_told_with_their_shares_and_names() -> None:
    picture = Image.new("RGB", (100, 50), (255, 0, 0))
    picture.paste((0, 0, 0), (0, 0, 25, 50))
    assert colors_of(picture) == (("#FF0000", 75.0), ("#000000", 25.0))
    assert names_of(colors_of(picture)) == {
        "google": (("red", 75.0), ("black", 25.0)),
        "cloudinary": (("red", 75.0), ("black", 25.0)),
    }
    assert sum(share for _, share in colors_of(quadrants(64, 64))) == pytest.approx(100, abs=1)


def test_an_animation_is_told_by_its_first_frame() -> None:
    assert is_sane(analysis_of(source(animation("GIF")), LIMITS, WISHES - {"faces"}))


def with_exif(exif: Image.Exif, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif, **options)
    return file.getvalue()


def test_exif_is_told_in_plain_texts() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "Acme", 6, "  me\n you "
    exif.get_ifd(0x8769).update(
        {0x829A: TiffImagePlugin.IFDRational(1, 60), 0x9003: "2026:01:02 03:04:05", 0x8827: 200}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    found = metadata_of(source(with_exif(exif)))
    wanted = {
        "Make": "Acme",
        "Orientation": "6",
        "Copyright": "me  you",
        "ExposureTime": "1/60",
        "DateTimeOriginal": "2026:01:02 03:04:05",
        "ISO": "200",
        "GPSLatitudeRef": "N",
        "GPSLatitude": "52 deg 31' 12.00\"",
    }
    assert {name: found.get(name) for name in wanted} == wanted


def iptc(*records: tuple[int, bytes]) -> bytes:
    body = b"".join(b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text for number, text in records)
    resource = b"8BIM\x04\x04\0\0" + len(body).to_bytes(4, "big") + body
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload


def spliced(segment: bytes) -> bytes:
    body = saved(ramp(8, 8), "JPEG")
    return body[:2] + segment + body[2:]


def test_iptc_is_told() -> None:
    found = metadata_of(source(spliced(iptc((80, b"Jo Doe"), (25, b"one"), (25, b"two"), (116, "© me".encode())))))
    assert found == {"By-line": "Jo Doe", "Keywords": "one, two", "CopyrightNotice": "© me"}


def test_xmp_is_told_as_attribute_and_as_element() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:CreatorTool="Paint &amp; Co" xmp:Rating="5">'
        b"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>A title</rdf:li></rdf:Alt></dc:title>"
        b"<dc:subject><rdf:Bag><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag></dc:subject></x:xmpmeta>"
    )
    payload = b"http://ns.adobe.com/xap/1.0/\0" + packet
    found = metadata_of(source(spliced(b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload)))
    assert found == {"Title": "A title", "Subject": "a, b", "CreatorTool": "Paint & Co", "Rating": "5"}


def lying(count: int, tag: int, kind: int, values: int, place: int) -> bytes:
    """EXIF whose table says that it has so many entries, all of them alike."""
    entries = struct.pack("<HHII", tag, kind, values, place) * 300
    payload = b"Exif\0\0II*\0" + struct.pack("<IH", 8, count) + entries
    return spliced(b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload)


@pytest.mark.parametrize(
    "lie",
    [
        (65535, 0x010F, 2, 2**32 - 1, 0),
        (300, 0x010F, 2, 100, 2**32 - 1),
        (300, 0x011A, 5, 1000, 20),
        (300, 0x010F, 99, 4, 4),
        (300, 0x8769, 4, 1, 8),
        (300, 0x8825, 4, 1, 8),
        (300, 0x011A, 5, 1, 9),
        (0, 0x010F, 2, 4, 0),
        (300, 0x010F, 2, 3000, 20),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow, looking for the orientation
def test_tables_that_lie_are_survived(lie: tuple[int, int, int, int, int]) -> None:
    found = metadata_of(source(lying(*lie)))
    assert is_sane(Analysis(metadata=found))


def test_long_texts_are_cut_and_much_of_it_is_left_out() -> None:
    long = metadata_of(source(spliced(iptc((120, b"x" * 30_000)))))
    assert long == {"Caption-Abstract": "x" * METADATA_VALUE_CHARS_MAX}
    much = iptc(*((number, b"y" * 2000) for number in (5, 40, 55, 80, 85, 90, 92, 95, 101, 105, 110)))
    assert is_sane(Analysis(metadata=metadata_of(source(spliced(much)))))
    garbage = metadata_of(source(spliced(iptc((120, b"\xff\0\x1b[31m\x07ok")))))
    assert is_sane(Analysis(metadata=garbage))


def test_what_one_look_says_is_joined_with_what_another_said() -> None:
    both = Analysis(phash="0" * 16, metadata={"Make": "x"}).joined(Analysis(phash="1" * 16))
    assert both == Analysis(phash="1" * 16, metadata={"Make": "x"})
    assert both.known == {"phash", "metadata"}


def test_focus_falls_as_a_picture_is_blurred_and_is_none_in_one_colour() -> None:
    noise = Image.effect_noise((300, 200), 60).convert("RGB")
    scores = [focus_of(noise.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9
    assert scores[-1] < 0.1
    assert focus_of(Image.new("RGB", (50, 50), "red")) == focus_of(Image.new("RGB", (2, 2))) == 0.0
    assert not is_sane(Analysis(focus=1.5))

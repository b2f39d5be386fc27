"""All modes and profiles come out as RGB or RGBA in sRGB."""

from __future__ import annotations

import pytest
from PIL import Image, ImageCms

from domicile.imaging.color import ToSrgb, plain
from tests.pictures.synthetic import P3_PRIMARIES, SRGB_PRIMARIES, matrix_profile

P3 = matrix_profile(P3_PRIMARIES, 2.2)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "RGBa"])
def test_every_mode_becomes_rgb_or_rgba(mode: str) -> None:
    image = ToSrgb(b"")(Image.new(mode, (4, 4)))
    assert image.mode == ("RGBA" if mode in {"LA", "RGBA", "RGBa"} else "RGB")


def test_a_profile_moves_colours_and_not_alpha() -> None:
    source = Image.new("RGBA", (2, 2), (200, 100, 50, 77))
    found = ToSrgb(P3)(source).getpixel((0, 0))
    assert isinstance(found, tuple)
    assert found[3] == 77
    # Computed from the primaries and gamma 2.2 (tests/pictures/synthetic.py).
    assert max(abs(a - b) for a, b in zip(found[:3], (216, 93, 24), strict=True)) <= 2


def test_srgb_itself_is_not_converted() -> None:
    assert ToSrgb(SRGB).is_identity
    assert ToSrgb(b"").is_identity
    assert not ToSrgb(P3).is_identity


@pytest.mark.parametrize("icc", [b"junk", P3[:140], bytes(5_000_000), P3[:-40]])
def test_a_broken_profile_is_ignored_and_the_picture_is_not_refused(icc: bytes) -> None:
    image = ToSrgb(icc)(Image.new("RGB", (2, 2), (200, 100, 50)))
    assert image.mode == "RGB"


def test_a_profile_for_other_pixels_is_ignored() -> None:
    assert ToSrgb(P3)(Image.new("L", (2, 2), 99)).getpixel((0, 0)) == (99, 99, 99)
    assert ToSrgb(P3)(Image.new("LA", (2, 2), (99, 5))).getpixel((0, 0)) == (99, 99, 99, 5)
    assert ToSrgb(P3)(Image.new("CMYK", (2, 2))).mode == "RGB"


def test_sixteen_bits_keep_their_high_byte() -> None:
    assert plain(Image.new("I;16", (1, 1), 40_000)).getpixel((0, 0)) == 40_000 // 256


def test_a_palette_with_a_transparent_entry_gets_alpha() -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([255, 0, 0])
    image.info["transparency"] = 0
    assert plain(image).getpixel((0, 0)) == (255, 0, 0, 0)


def test_the_transparent_grey_of_sixteen_bits_is_named_in_all_its_bits() -> None:
    image = Image.new("I;16", (3, 1))
    for x, value in enumerate((40_000, 40_001, 65_535)):
        image.putpixel((x, 0), value)
    image.info["transparency"] = 40_001
    found = plain(image)
    assert found.mode == "LA"
    assert [found.getpixel((x, 0)) for x in range(3)] == [(156, 255), (156, 0), (255, 255)]


@pytest.mark.parametrize(
    "icc", [matrix_profile(SRGB_PRIMARIES, 1.0, "sRGB-linear"), matrix_profile(P3_PRIMARIES, 2.2, "sRGB")]
)
def test_a_profile_that_only_calls_itself_srgb_is_applied(icc: bytes) -> None:
    assert not ToSrgb(icc).is_identity
    assert not ToSrgb(icc).is_identity  # also from memory


def test_a_linear_grey_becomes_the_grey_of_srgb() -> None:
    image = ToSrgb(matrix_profile(SRGB_PRIMARIES, 1.0, "sRGB linear"))(Image.new("RGB", (2, 2), (128, 128, 128)))
    # 0.502 linear is 0.737 by IEC 61966-2-1.
    found = image.getpixel((0, 0))
    assert isinstance(found, tuple)
    assert max(abs(value - 188) for value in found) <= 1

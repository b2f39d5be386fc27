"""Stored pixels become upright sRGB pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageFile

from domicile.imaging.color import ToSrgb
from domicile.imaging.jpegs import Decoded
from domicile.imaging.present import present
from domicile.media.geometry import Window
from tests.pictures.synthetic import TO_STORED, animation, quadrants, saved

WHOLE = Window((0, 0, 40, 20), (40, 20))
NO_PROFILE = ToSrgb(b"")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_ends_upright(orientation: int) -> None:
    stored = quadrants(40, 20)
    stored = stored.transpose(TO_STORED[orientation]) if orientation in TO_STORED else stored
    shown = present(Decoded(stored, Window((0, 0, *stored.size), stored.size)), orientation, NO_PROFILE).image
    assert shown.size == (40, 20)
    corners = [shown.getpixel(at) for at in ((0, 0), (39, 0), (0, 19), (39, 19))]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


def test_a_palette_is_not_averaged_as_numbers() -> None:
    image = Image.new("P", (40, 20))
    image.putpalette([0, 0, 0, 255, 255, 255, 255, 0, 0])
    image.paste(2, (20, 0, 40, 20))
    small = present(Decoded(image, Window((0, 0, 40, 20), (2, 1))), 1, NO_PROFILE).image
    # Index 1 (white) lies between the indexes 0 and 2 and must not appear.
    assert small.getpixel((0, 0)) != (255, 255, 255)
    assert small.getpixel((1, 0)) != (255, 255, 255)


def test_the_frame_keeps_its_time() -> None:
    assert present(Decoded(quadrants(40, 20), WHOLE, 70), 1, NO_PROFILE).duration_ms == 70


def test_a_picture_that_no_step_copied_is_no_longer_its_decoders() -> None:
    read = Image.open(io.BytesIO(saved(quadrants(40, 20))))
    read.load()
    shown = present(Decoded(read, WHOLE), 1, NO_PROFILE).image
    assert not isinstance(shown, ImageFile.ImageFile)
    assert shown.tobytes() == quadrants(40, 20).tobytes()
    shown.putpixel((0, 0), (1, 2, 3))
    assert read.getpixel((0, 0)) == (1, 2, 3)  # the same pixels: a picture is not held twice


def test_a_frame_does_not_change_when_its_decoder_paints_the_next_one() -> None:
    read = Image.open(io.BytesIO(animation("PNG")))
    read.load()
    first = present(Decoded(read, WHOLE), 1, NO_PROFILE).image
    read.seek(1)
    read.load()
    assert (first.getpixel((5, 5)), read.getpixel((5, 5))) == ((255, 0, 0), (0, 255, 0))

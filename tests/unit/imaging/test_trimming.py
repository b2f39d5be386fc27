"""What is left when edges go."""

from __future__ import annotations

from PIL import Image

from domicile.imaging.present import Frame
from domicile.imaging.trimming import content_box, corner_color, trimmed
from domicile.media.transformation import Color, Effect
from tests.pictures.synthetic import hidden, spotted

TRIM = Effect("trim")


def test_three_corners_outvote_the_fourth() -> None:
    image = spotted(50, 50, 0, 0, 5)
    assert corner_color(image) == Color(128, 128, 128)
    assert content_box(image, TRIM) == (0, 0, 5, 5)


def test_colours_behind_transparency_are_nothing() -> None:
    assert content_box(hidden(40, 20), TRIM) == (0, 0, 20, 20)
    assert content_box(Image.new("RGBA", (9, 9), (1, 2, 3, 0)), TRIM) is None


def test_an_opaque_thing_of_the_colour_behind_transparency_stays() -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (10, 10, 20, 30))
    assert content_box(image, TRIM) == (10, 10, 20, 30)


def test_frames_lose_what_none_of_them_shows() -> None:
    frames = [Frame(spotted(50, 50, at, at, 5), 100) for at in (10, 30)]
    left, box = trimmed(frames, TRIM)
    assert [frame.image.size for frame in left] == [(25, 25)] * 2
    assert (box[2] - box[0], box[3] - box[1]) == (25, 25)


def test_frames_without_anything_stay_as_they_are() -> None:
    frames = [Frame(Image.new("RGB", (9, 9)), 100)] * 2
    assert trimmed(frames, TRIM) == (frames, (0, 0, *frames[0].image.size))

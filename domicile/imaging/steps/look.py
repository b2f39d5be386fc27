"""Look: cut out what matters most, where gravity is automatic; or show all of it on a ground, where no cut is good."""

from __future__ import annotations

from fractions import Fraction

from PIL import Image

from domicile.imaging.gaze import best_box
from domicile.imaging.resample import resample
from domicile.imaging.saliency import saliency
from domicile.imaging.steps.pad import padded
from domicile.media.frame import Canvas
from domicile.media.geometry import WholeBox, Window, contained, rounded_size
from domicile.media.look import Look
from domicile.media.stage import Stage


def look(image: Image.Image, stage: Stage) -> Image.Image:
    """The picture of `stage.look.size`, or the image itself when nothing is looked for."""
    asked = stage.look
    if asked is None:
        return image
    box = cut_of(image, asked)
    if box is not None:
        return resample(image, Window(box, asked.size))
    size = rounded_size(contained(image.size, (Fraction(asked.size[0]), Fraction(asked.size[1]))))
    size = min(size[0], asked.size[0]), min(size[1], asked.size[1])
    small = resample(image, Window((0, 0, *image.size), size))
    at = (asked.size[0] - size[0]) // 2, (asked.size[1] - size[1]) // 2
    assert asked.ground is not None  # only then is there no box
    return padded(small, Canvas(asked.size, at, asked.ground), stage.background)


def cut_of(image: Image.Image, asked: Look) -> WholeBox | None:
    """What of the image to show; None: rather all of it."""
    shares = [
        (left / image.width, top / image.height, right / image.width, bottom / image.height)
        for left, top, right, bottom in asked.favoured
    ]
    return best_box(saliency(image, shares), image.size, asked)


def told(image: Image.Image, asked: Look) -> WholeBox:
    """The same box for people: in pixels of the picture that the component meets."""
    box = cut_of(image, asked) or (0, 0, *image.size)
    width, height = asked.meets or image.size
    x, y = width / image.width, height / image.height
    return round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)

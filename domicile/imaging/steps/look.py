"""Look: cut out what matters most, where gravity is automatic; or show all of it on a ground, where no cut is good."""

from __future__ import annotations

from fractions import Fraction

from PIL import Image

from domicile.imaging.gaze import best_box
from domicile.imaging.resample import resample
from domicile.imaging.saliency import saliency
from domicile.imaging.steps.pad import padded
from domicile.media.frame import Canvas
from domicile.media.geometry import Window, contained, rounded_size
from domicile.media.stage import Stage


def look(image: Image.Image, stage: Stage) -> Image.Image:
    """The picture of `stage.look.size`, or the image itself when nothing is looked for."""
    asked = stage.look
    if asked is None:
        return image
    box = best_box(saliency(image), image.size, asked)
    if box is not None:
        return resample(image, Window(box, asked.size))
    size = rounded_size(contained(image.size, (Fraction(asked.size[0]), Fraction(asked.size[1]))))
    size = min(size[0], asked.size[0]), min(size[1], asked.size[1])
    small = resample(image, Window((0, 0, *image.size), size))
    at = (asked.size[0] - size[0]) // 2, (asked.size[1] - size[1]) // 2
    assert asked.ground is not None  # only then is there no box
    return padded(small, Canvas(asked.size, at, asked.ground), stage.background)

"""What a background takes from the picture itself: a colour of its own, or all of it, blurred."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from PIL import Image

from domicile.imaging.resample import resample
from domicile.imaging.steps.blur import BLUR_STRENGTH_DEFAULT, blur
from domicile.imaging.steps.transparency import common_color, edge_color
from domicile.media.geometry import Side, fill_window
from domicile.media.stage import Stage
from domicile.media.transformation import AutoColor, Blurred, Color, Gravity

SAMPLE_SIDE = 256
"""Of the copy that is counted for the colour of all the picture."""
PERCENT = 100


def settled(image: Image.Image, stage: Stage) -> Stage:
    """The stage with its automatic colour found, in the picture after it was cropped and resized."""
    if not isinstance(stage.background, AutoColor):
        return stage
    color = edge_color(image) if stage.background.kind == "border" else predominant_color(image)
    canvas = replace(stage.canvas, color=color) if stage.canvas else None
    look = replace(stage.look, ground=color) if stage.look and stage.look.ground else stage.look
    return replace(stage, background=color, canvas=canvas, look=look)


def predominant_color(image: Image.Image) -> Color:
    """The mean of the most common colours."""
    factor = min(1.0, SAMPLE_SIDE / max(image.size))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    sample = image.convert("RGBA") if factor == 1 else image.resize(size, Image.Resampling.NEAREST).convert("RGBA")
    return common_color(np.asarray(sample).reshape(-1, 4))


def blurred_ground(image: Image.Image, size: Side, asked: Blurred) -> Image.Image:
    """The picture made to cover a ground of that size, blurred; brighter by that percentage of white. Opaque."""
    whole = fill_window(image.size, size, Gravity.CENTER, (Fraction(0), Fraction(0)))
    ground = blur(resample(image, whole), asked.intensity or BLUR_STRENGTH_DEFAULT)
    if ground.mode == "RGBA":
        white = Image.new("RGB", size, (255, 255, 255))
        white.paste(ground, mask=ground.getchannel("A"))
        ground = white
    added = round((asked.brightness or 0) * 255 / PERCENT)
    return ground.point([min(max(value + added, 0), 255) for value in range(256)] * 3)

"""Pad: put the picture on a larger ground. Its own transparency stays as it is; `background` fills that."""

from __future__ import annotations

from PIL import Image

from domicile.imaging.steps.settle import blurred_ground
from domicile.media.frame import Canvas
from domicile.media.stage import Stage
from domicile.media.transformation import Background, Blurred

OPAQUE = 255


def pad(image: Image.Image, stage: Stage) -> Image.Image:
    """The canvas with the picture at its place; RGBA when either of them is transparent."""
    return image if stage.canvas is None else padded(image, stage.canvas, stage.background)


def padded(image: Image.Image, canvas: Canvas, background: Background | None) -> Image.Image:
    """On the canvas' colour, or on a blurred copy of the picture."""
    if not isinstance(background, Blurred):
        return on_ground(image, canvas)
    ground = blurred_ground(image, canvas.size, background)
    ground.paste(image, canvas.at, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    return ground


def on_ground(image: Image.Image, canvas: Canvas) -> Image.Image:
    """The picture at its place on the canvas."""
    if canvas.size == image.size and canvas.at == (0, 0):
        return image
    color = canvas.color
    if color.alpha < OPAQUE and image.mode != "RGBA":
        image = image.convert("RGBA")
    fill = (color.red, color.green, color.blue, color.alpha)
    ground = Image.new(image.mode, canvas.size, fill if image.mode == "RGBA" else fill[:3])
    ground.paste(image, canvas.at)
    return ground

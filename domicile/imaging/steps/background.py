"""Background: a colour behind whatever is transparent."""

from __future__ import annotations

from PIL import Image

from domicile.media.stage import Stage
from domicile.media.transformation import Color

OPAQUE = 255


def background(image: Image.Image, stage: Stage) -> Image.Image:
    """The picture on the colour of the stage, if it has one and the picture is transparent; other grounds lie already."""
    return on_color(image, stage.background) if isinstance(stage.background, Color) else image


def on_color(image: Image.Image, color: Color) -> Image.Image:
    """Composite over a colour; opaque (RGB) when the colour is."""
    if image.mode != "RGBA" or color.alpha == 0:
        return image
    if color.alpha == OPAQUE:
        ground = Image.new("RGB", image.size, (color.red, color.green, color.blue))
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    ground = Image.new("RGBA", image.size, (color.red, color.green, color.blue, color.alpha))
    ground.alpha_composite(image)
    return ground

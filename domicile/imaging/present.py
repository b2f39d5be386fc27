"""From stored pixels to a picture: the window at its size, in sRGB, upright.

Cropping and shrinking come first, so that colours and turns are computed for few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from domicile.imaging.color import ToSrgb, plain
from domicile.imaging.guarded import making
from domicile.imaging.jpegs import Decoded
from domicile.imaging.resample import resample

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One upright sRGB picture (mode RGB or RGBA) and how long it is shown."""

    image: Image.Image
    duration_ms: int


def present(decoded: Decoded, orientation: int, to_srgb: ToSrgb) -> Frame:
    image, window = decoded.image, decoded.window
    with making():
        # A palette must become colours before it is resampled; a crop is cheaper before that.
        image = plain(resample(image, window)) if window.is_pure_crop else resample(plain(image), window)
        image = to_srgb(image)
        if orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[orientation])
        if image is decoded.image and getattr(image, "is_animated", False):
            image = image.copy()  # the decoder's own picture becomes the next frame
    return Frame(image, decoded.duration_ms)

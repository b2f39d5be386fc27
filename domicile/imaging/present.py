"""From stored pixels to a picture: the window at its size, in sRGB, upright.

Cropping and shrinking come first, so that colours and turns are computed for few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from domicile.imaging.color import ToSrgb, plain
from domicile.imaging.guarded import making
from domicile.imaging.jpegs import Decoded
from domicile.imaging.patched import ImageFile
from domicile.imaging.resample import resample
from domicile.media.geometry import WholeBox

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
    cuts: tuple[WholeBox, ...] = ()
    """Where automatic gravity cut, for those who ask for nothing else."""


def present(decoded: Decoded, orientation: int, to_srgb: ToSrgb) -> Frame:
    image, window = decoded.image, decoded.window
    with making():
        piece = window.alone
        if piece not in {None, (0, 0, *image.size)}:
            image, window = image.crop(piece), window.seen_from(piece)
        # A palette must become colours before it is resampled.
        image = to_srgb(resample(plain(image), window))
        if orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[orientation])
    return Frame(_detached(image), decoded.duration_ms)


def _detached(image: Image.Image) -> Image.Image:
    """The pixels without the decoder that they came from.

    Pillow's encoders ask a picture that is still its decoder's for the file it was read from, and that for the working
    directory: behind the walls the system call is refused, and nothing could be written.
    """
    if not isinstance(image, ImageFile.ImageFile):
        return image
    if getattr(image, "is_animated", False):
        return image.copy()  # the decoder paints the next frame over these pixels
    return image._new(image.im)  # noqa: SLF001  # shares the pixels; the public copy() would hold them twice

"""From bytes to stored pixels. Strict: a damaged picture is refused, also when Pillow would show what it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from domicile.imaging import heics
from domicile.imaging.color import plain
from domicile.imaging.guarded import decoding
from domicile.imaging.job import MediaLimits
from domicile.imaging.jpegs import Decoded, check_jpeg, decode_jpeg, fits
from domicile.imaging.memory import WIDE, require
from domicile.imaging.patched import IS_APART, Image, bridge_bytes, to_pixels
from domicile.imaging.source import Source
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.geometry import Side, Window

SMALL_SIDE = 64
"""Of a rendition as small as anybody asks for."""

FROM_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How upright pixels were stored, by orientation."""


class Decoding(Protocol):
    """What of a plan is done while decoding."""

    @property
    def window(self) -> Window: ...

    @property
    def animated(self) -> bool: ...


def decode_frames(source: Source, plan: Decoding, working_bytes_max: int) -> Iterator[Decoded]:
    """The frames that the plan asks for: all of an animation, else the source's page. Raises UndecodableMedia, LimitExceeded.

    A frame is valid until the next one is asked for.
    """
    if source.format == "jpg":
        yield decode_jpeg(source, plan.window, working_bytes_max)
        return
    if source.vector is not None:
        drawn = source.vector.draw(source.page, plan.window, (source.claims.width, source.claims.height))
        yield Decoded(drawn, Window((0, 0, *drawn.size), drawn.size))
        return
    claims = source.claims
    size = claims.width, claims.height
    if source.format == "heic":
        room = working_bytes_max - _carried_bytes(size, plan.window)
        yield Decoded(heics.decode(source.view, claims, plan.window, room), plan.window)
        return
    turned_bytes = size[0] * size[1] * WIDE if source.format == "tiff" and source.orientation in FROM_UPRIGHT else 0
    require(claims.mode, size, plan.window, working_bytes_max - turned_bytes - _carried_bytes(size, plan.window))
    with decoding():
        image = source.open_image()
        # An APNG may start with a picture for those who cannot animate; it is not part of the animation.
        first = 1 if plan.animated and image.info.get("default_image") else 0
    for number in range(first, source.claims.frames) if plan.animated else (source.page,):
        with decoding():
            if number:
                image.seek(number)
            image.load()
            _check_palette(image)
            duration = round(float(image.info.get("duration", 0) or 0))
            stored = _as_stored(source, image)
            carried = to_pixels(plain(stored) if IS_APART else stored)
        yield Decoded(carried, plan.window, duration)


def _carried_bytes(size: Side, window: Window) -> int:
    """What a picture and its rendition take a second time where two libraries share the work."""
    return bridge_bytes(size[0] * size[1]) + bridge_bytes(window.size[0] * window.size[1])


def _check_palette(image: Image.Image) -> None:
    """Later frames of a GIF that has no colour table are numbers without a meaning."""
    if image.mode == "P" and image.palette is None:
        raise UndecodableMedia("Invalid image file")


def _as_stored(source: Source, image: Image.Image) -> Image.Image:
    """What the plan counts on where Pillow gives something else: a TIFF is turned upright, a GIF grows as it goes."""
    match source.format:
        case "tiff" if source.orientation in FROM_UPRIGHT:
            return image.transpose(FROM_UPRIGHT[source.orientation])
        case "gif":
            return _on_canvas(image, (source.claims.width, source.claims.height))
        case _:
            return image


def _on_canvas(image: Image.Image, canvas: Side) -> Image.Image:
    """Frames that stick out of a GIF's screen enlarge it: those before them are shown on the large one, too."""
    if image.size == canvas:
        return image
    ground = Image.new("RGBA", canvas)
    ground.paste(image.convert("RGBA"))
    return ground


def check_renderable(source: Source, working_bytes_max: int) -> None:
    """Could a small rendition of it be made at all? Raises LimitExceeded for what every delivery would refuse."""
    if source.vector is not None:
        return  # it is drawn at the size that is asked for
    size = source.claims.width, source.claims.height
    factor = min(1.0, SMALL_SIDE / max(size))
    small = Window((0, 0, *size), (max(1, round(size[0] * factor)), max(1, round(size[1] * factor))))
    if source.format != "jpg":
        room = working_bytes_max - _carried_bytes(size, small)
        require(source.claims.mode, size, small, room - source.claims.extra_bytes)
    elif not fits(source, small, working_bytes_max):
        raise LimitExceeded("Image needs more memory than allowed")


def decode_all(source: Source, limits: MediaLimits) -> None:
    """Every frame, one at a time in memory; the pixels are dropped. Raises UndecodableMedia, LimitExceeded."""
    total = 0
    with decoding():
        if source.format == "jpg":
            check_jpeg(source)
            return
        if source.format == "heic":
            heics.check(source.view)
            return
        if source.vector is not None:
            source.vector.check()
            return
        with source.open_image() as image:
            for number in range(source.claims.frames):
                if number:
                    image.seek(number)
                area = image.width * image.height  # pages of a TIFF have their own sizes
                total += area
                if area > limits.source_pixels_max:
                    raise LimitExceeded(f"Maximum image size is {limits.source_pixels_max} pixels")
                if number and total > limits.animation_pixels_max:
                    raise LimitExceeded(f"Maximum total of all pages is {limits.animation_pixels_max} pixels")
                image.load()
                _check_palette(image)

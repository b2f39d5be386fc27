"""From bytes to stored pixels. Strict: a damaged picture is refused, also when Pillow would show what it has."""

from __future__ import annotations

from collections.abc import Iterator

from domicile.imaging.color import plain
from domicile.imaging.guarded import decoding
from domicile.imaging.jpegs import Decoded, check_jpeg, decode_jpeg
from domicile.imaging.memory import require
from domicile.imaging.patched import IS_APART, bridge_bytes, to_pixels
from domicile.imaging.source import Source
from domicile.media.errors import LimitExceeded
from domicile.media.plan import Plan


def decode_frames(source: Source, plan: Plan, working_bytes_max: int) -> Iterator[Decoded]:
    """The frames that the plan asks for: all of an animation, else the first. Raises UndecodableMedia, LimitExceeded.

    A frame is valid until the next one is asked for.
    """
    if source.format == "jpg":
        yield decode_jpeg(source, plan.window, working_bytes_max)
        return
    claims = source.claims
    extra = bridge_bytes(claims.width * claims.height) + bridge_bytes(plan.window.size[0] * plan.window.size[1])
    require(claims.mode, (claims.width, claims.height), plan.window, working_bytes_max - extra)
    with decoding():
        image = source.open_image()
        # An APNG may start with a picture for those who cannot animate; it is not part of the animation.
        first = 1 if plan.animated and image.info.get("default_image") else 0
    for number in range(first, source.claims.frames) if plan.animated else (0,):
        with decoding():
            if number:
                image.seek(number)
            image.load()
            duration = round(float(image.info.get("duration", 0) or 0))
            carried = to_pixels(plain(image) if IS_APART else image)
        yield Decoded(carried, plan.window, duration)


def decode_all(source: Source, pixels_max: int) -> None:
    """Every frame, one at a time in memory; the pixels are dropped. Raises UndecodableMedia, LimitExceeded."""
    with decoding():
        if source.format == "jpg":
            check_jpeg(source)
            return
        with source.open_image() as image:
            for number in range(source.claims.frames):
                if number:
                    image.seek(number)
                if image.width * image.height > pixels_max:  # pages of a TIFF have their own sizes
                    raise LimitExceeded(f"Maximum image size is {pixels_max} pixels")
                image.load()

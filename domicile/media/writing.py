"""Can a picture of that size be written in that format? The format's own bounds, ours, and the encoder's memory.

Counts only, no clock and no load: `f_auto` falls back by the same answer at every edge.
"""

from __future__ import annotations

from typing import Protocol

from domicile.media.geometry import Side

SIDE_MAX = {
    "jpg": 65_500,
    "png": 65_535,
    "webp": 16_383,
    "avif": 32_768,
    "gif": 65_535,
    "tiff": 65_535,
    "bmp": 65_535,
    "ico": 256,
}
"""What the container's fields, or its encoder, can hold."""

ENCODER_BYTES = {
    "jpg": (0, 5),
    "png": (0, 0),
    "webp": (8, 37),
    "avif": (28, 44),
    "gif": (34, 15),
    "tiff": (4, 4),
    "bmp": (0, 5),
    "ico": (4, 4),
}
"""Bytes a pixel beside the picture itself: (opaque, with alpha). The most that was measured, on noise (Pillow 13); copies
that are made to flatten or harden alpha included. JPEG, PNG and BMP are written line by line."""
PROGRESSIVE_BYTES = 10
"""A progressive JPEG holds all its coefficients, two bytes a sample, and then all its bytes in one buffer."""
PROBE_BYTES = 24 * 1024 * 1024
"""What `q_auto` holds while it looks at copies, before the encoder begins: they have a bounded number of pixels."""
SLOW_PIXELS_MAX = {"png": 40_000_000, "gif": 40_000_000, "webp": 30_000_000}
"""Above, an encoder works for longer than a URL that needs no signature may ask for."""
PICTURE_BYTES = 4
"""Pillow stores RGB and RGBA in four bytes a pixel."""


class WritingLimits(Protocol):
    """What is asked of `plan.PlanLimits`."""

    @property
    def avif_pixels_max(self) -> int: ...

    @property
    def working_bytes_max(self) -> int: ...


def cannot_write(
    output_format: str,
    size: Side,
    limits: WritingLimits,
    *,
    frames: int = 1,
    has_alpha: bool = False,
    progressive: bool = False,
    probed: bool = False,
) -> str | None:
    """Why not, naming the limit; None when it can be written."""
    pixels, side_max = size[0] * size[1], SIDE_MAX[output_format]
    if max(size) > side_max:
        return f"Maximum image width/height is {side_max} for {output_format}. Got {size[0]}x{size[1]}"
    if output_format == "avif" and pixels > limits.avif_pixels_max:
        return f"Maximum size of an AVIF image is {limits.avif_pixels_max} pixels (avif_pixels_max). Got {pixels}"
    encoder = ENCODER_BYTES[output_format][has_alpha] + (PROGRESSIVE_BYTES if progressive else 0)
    # An animation is encoded from all its frames at once.
    if pixels * PICTURE_BYTES * frames + max(pixels * encoder, PROBE_BYTES * probed) > limits.working_bytes_max:
        return f"Image needs more memory than allowed (working_bytes_max) to be written as {output_format}"
    if pixels > SLOW_PIXELS_MAX.get(output_format, pixels):
        return f"Maximum size of a {output_format} image is {SLOW_PIXELS_MAX[output_format]} pixels. Got {pixels}"
    return None

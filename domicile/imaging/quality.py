"""From `q_` to an encoder's own number, by format. What `q_auto` comes to stands in `choice.py`.

A number means JPEG's scale. WebP takes it as it is, as Cloudinary does; AVIF's is mapped so that q_80 looks like JPEG 80
(performance.md 3: AVIF speed 9 reaches JPEG's score at 70 with 56.5 and at 80 with about 64).
"""

from __future__ import annotations

from itertools import pairwise

from domicile.imaging.choice import target_of, usual
from domicile.imaging.perceived_table import CURVES
from domicile.media.transformation import Quality

QUALITY_DEFAULT = 80
QUALITY_REDELIVERY = 95
"""For a picture that was not asked to change and cannot be copied without loss."""

AVIF_SCALE = ((1, 5), (30, 27), (50, 41), (70, 57), (80, 64), (90, 75), (100, 95))
"""(JPEG's number, AVIF's number), straight between."""


def encoder_quality(quality: Quality | None, output_format: str, *, untouched: bool = False) -> int:
    """The number for the encoder of `jpg`, `webp` or `avif`; 100 for formats without loss."""
    if output_format not in CURVES:
        return 100
    if quality is not None and quality.level is None:
        return usual(output_format, target_of(quality))
    level = quality.level if quality is not None else None
    if level is None:
        level = QUALITY_REDELIVERY if untouched else QUALITY_DEFAULT
    level = min(max(level, 1), 100)
    return _avif(level) if output_format == "avif" else level


def _avif(level: int) -> int:
    for (low, low_value), (high, high_value) in pairwise(AVIF_SCALE):
        if level <= high:
            return round(low_value + (high_value - low_value) * (level - low) / (high - low))
    return AVIF_SCALE[-1][1]

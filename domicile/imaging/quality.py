"""From `q_` to an encoder's own number, by format.

`q_auto` takes constants: cheap per-picture searches measured worse than a fixed number (performance.md 0).

| level | jpg | webp | avif | SSIMULACRA2 about |
|---|---|---|---|---|
| best | 90 | 92 | 74 | 83 |
| good (also plain `q_auto`) | 80 | 84 | 64 | 77 |
| eco | 70 | 77 | 56 | 71 |
| low | 55 | 62 | 45 | 64 |

A number means JPEG's scale. WebP takes it as it is, as Cloudinary does; AVIF's is mapped so that q_80 looks like JPEG 80
(performance.md 3: AVIF speed 9 reaches JPEG's score at 70 with 56.5 and at 80 with about 64).
"""

from __future__ import annotations

from itertools import pairwise

from domicile.media.transformation import Quality

QUALITY_DEFAULT = 80
QUALITY_AUTO_DEFAULT = "good"
QUALITY_REDELIVERY = 95
"""For a picture that was not asked to change and cannot be copied without loss."""

AUTO: dict[str, dict[str, int]] = {
    "best": {"jpg": 90, "webp": 92, "avif": 74},
    "good": {"jpg": 80, "webp": 84, "avif": 64},
    "eco": {"jpg": 70, "webp": 77, "avif": 56},
    "low": {"jpg": 55, "webp": 62, "avif": 45},
}
AVIF_SCALE = ((1, 5), (30, 27), (50, 41), (70, 57), (80, 64), (90, 75), (100, 95))
"""(JPEG's number, AVIF's number), straight between."""


def encoder_quality(quality: Quality | None, output_format: str, *, untouched: bool = False) -> int:
    """The number for the encoder of `jpg`, `webp` or `avif`; 100 for formats without loss."""
    if output_format not in AUTO["good"]:
        return 100
    if quality is not None and quality.level is None:
        return AUTO[quality.auto or QUALITY_AUTO_DEFAULT][output_format]
    level = quality.level if quality is not None and quality.level is not None else None
    if level is None:
        level = QUALITY_REDELIVERY if untouched else QUALITY_DEFAULT
    level = min(max(level, 1), 100)
    return _avif(level) if output_format == "avif" else level


def _avif(level: int) -> int:
    for (low, low_value), (high, high_value) in pairwise(AVIF_SCALE):
        if level <= high:
            return round(low_value + (high_value - low_value) * (level - low) / (high - low))
    return AVIF_SCALE[-1][1]

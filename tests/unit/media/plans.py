"""A picture of 400 x 200 and limits that are in nobody's way, for tests of plans."""

from __future__ import annotations

from domicile.media.facts import SourceFacts
from domicile.media.stage import PlanLimits

FACTS = SourceFacts(
    format="jpg",
    width=400,
    height=200,
    frames=1,
    has_alpha=False,
    orientation=1,
    body_bytes=1,
    md5="",
)
LIMITS = PlanLimits(
    output_pixels_max=1_000_000,
    output_side_max=10_000,
    animation_pixels_max=1_000_000,
    avif_pixels_max=10**9,
    working_bytes_max=10**10,
)

"""The planner's share of the limits."""

from __future__ import annotations

from domicile.imaging.job import MediaLimits
from domicile.media.stage import PlanLimits


def plan_limits(limits: MediaLimits) -> PlanLimits:
    return PlanLimits(
        output_pixels_max=limits.output_pixels_max,
        output_side_max=limits.output_side_max,
        animation_pixels_max=limits.animation_pixels_max,
        avif_pixels_max=limits.avif_pixels_max,
        working_bytes_max=limits.working_bytes_max,
    )

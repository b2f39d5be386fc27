"""Which format a rendition is written in: what was chosen, as far as this installation can write it at that size.

An encoder may hold many times the picture (AVIF 37 bytes a pixel, with its chroma in full), and a Pillow may lack one.
`f_auto` then takes the next best format that the client reads; a format that was asked for by name is refused.
"""

from __future__ import annotations

from PIL import Image

from domicile.imaging.encode import PILLOW_ENCODERS
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError
from domicile.media.facts import SourceFacts
from domicile.media.negotiate import AVIF, LEGACY, WEBP, choose_format
from domicile.media.plan import Plan, PlanLimits, make_plan
from domicile.media.transformation import Transformation

PIXELS_MAX = {"avif": 12_000_000, "webp": 30_000_000, "png": 40_000_000, "gif": 40_000_000}
"""Of one frame. Above, AVIF and WebP would hold more than a decoder process may (565 and 640 MiB were measured), and PNG
and GIF would take too many seconds. JPEG does neither: an original of 100 megapixels can be had as one.
"""
BUCKETS = (AVIF, WEBP, LEGACY)
"""Best first; who reads one reads all that follow (`media.negotiate.bucket_of`)."""


def planned(
    transformation: Transformation, extension: str | None, facts: SourceFacts, bucket: str, limits: PlanLimits
) -> Plan:
    """The plan in a format that can be written. Raises BadTransformation, LimitExceeded."""
    refused: MediaError | None = None
    for candidate in BUCKETS[BUCKETS.index(bucket) :] if bucket in BUCKETS else (bucket,):
        wanted = choose_format(transformation, extension, facts, candidate)
        try:
            plan = make_plan(transformation, facts, wanted, limits)
        except LimitExceeded as too_large:  # for the format, or for any
            refused = too_large
            continue
        refused = _refusal(plan)
        if refused is None:
            return plan
    assert refused is not None
    raise refused


def _refusal(plan: Plan) -> MediaError | None:
    if not can_write(plan.format):
        return BadTransformation(f"Unsupported image format - {plan.format}")
    pixels_max = PIXELS_MAX.get(plan.format)
    if plan.untouched:  # what has passed the limits of originals is given back as it is
        return None
    if pixels_max is not None and plan.size[0] * plan.size[1] > pixels_max:
        return LimitExceeded(f"Maximum image size is {pixels_max} pixels for {plan.format}")
    return None


def can_write(output_format: str) -> bool:
    """Does the installed Pillow have an encoder for it?"""
    Image.init()
    return PILLOW_ENCODERS[output_format] in Image.SAVE

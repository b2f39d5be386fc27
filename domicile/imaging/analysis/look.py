"""Everything that was wished for, of the first frame. The picture has been decoded whole before: it is good."""

from __future__ import annotations

from collections.abc import Collection

from PIL import Image

from domicile.imaging.analysis.focus import focus_of
from domicile.imaging.analysis.metadata import metadata_of
from domicile.imaging.analysis.palette import colors_of, names_of
from domicile.imaging.analysis.phash import phash_of
from domicile.imaging.analysis.placeholders import blurhash_of, thumbhash_of
from domicile.imaging.color import ToSrgb
from domicile.imaging.decode import decode_frames
from domicile.imaging.faces import boxes_of
from domicile.imaging.job import MediaLimits
from domicile.imaging.plan_limits import plan_limits
from domicile.imaging.present import present
from domicile.imaging.source import Source
from domicile.media.analysis import BLURHASH, COLORS, FACES, FOCUS, METADATA, PHASH, THUMBHASH, Analysis
from domicile.media.plan import make_plan
from domicile.media.transformation import Component, Crop, Pixels, Transformation

SIDE = 256
"""Longer side of the copy that is looked at."""
FOCUS_SIDE = 1024
"""The same where sharpness is the question: a small copy of a blurred picture is sharp."""
BY_PIXELS = frozenset({COLORS, PHASH, BLURHASH, THUMBHASH})


def analysis_of(source: Source, limits: MediaLimits, wishes: Collection[str]) -> Analysis:
    """Raises BadTransformation where faces cannot be looked for, and what decoding raises."""
    found = Analysis(
        faces=boxes_of(source, limits) if FACES in wishes else None,
        metadata=metadata_of(source) if METADATA in wishes else None,
        focus=focus_of(small_copy(source, limits, FOCUS_SIDE)) if FOCUS in wishes else None,
    )
    if BY_PIXELS.isdisjoint(wishes):
        return found
    picture = small_copy(source, limits)
    colors = colors_of(picture) if COLORS in wishes else None
    return found.joined(
        Analysis(
            colors=colors,
            names=None if colors is None else names_of(colors),
            phash=phash_of(picture) if PHASH in wishes else None,
            blurhash=blurhash_of(picture) if BLURHASH in wishes else None,
            thumbhash=thumbhash_of(picture) if THUMBHASH in wishes else None,
        )
    )


def small_copy(source: Source, limits: MediaLimits, side: int = SIDE) -> Image.Image:
    """RGB or RGBA, upright, sRGB, at most `side` pixels a side. Raises UndecodableMedia and LimitExceeded."""
    small = Transformation((Component(crop=Crop.LIMIT, width=Pixels(side), height=Pixels(side)),))
    plan = make_plan(small, source.facts(), "jpg", plan_limits(limits))
    stored = next(decode_frames(source, plan, limits.working_bytes_max))
    return present(stored, plan.orientation, ToSrgb(source.claims.icc)).image

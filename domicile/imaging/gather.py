"""Many pictures become one: a sheet of them (sprite), or an animation (multi). Without loss; other formats come later."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import accumulate, pairwise

from domicile.imaging.guarded import decoder_limits, decoding, making, refusal
from domicile.imaging.job import Done, GatherJob, Outcome
from domicile.imaging.patched import Image
from domicile.imaging.source import Bytes, open_source
from domicile.media.errors import LimitExceeded, MediaError, UndecodableMedia

BYTES_PER_PIXEL = 4
DISPOSE_TO_BACKGROUND, BLEND_SOURCE = 1, 0
"""Of an animated PNG: each frame stands for itself."""


def gather(source: Bytes, job: GatherJob) -> tuple[Outcome, bytes]:
    """Done and the body, or Refused and nothing. Never raises for what the bytes are."""
    try:
        with decoder_limits(job.limits):
            _check(job)
            return _gathered(source, job)
    except MediaError as error:
        return refusal(error), b""


def _check(job: GatherJob) -> None:
    """Raises LimitExceeded, before anything is allocated."""
    width, height = job.canvas
    sheets = len(job.places) if job.duration_ms else 1
    pixels = width * height
    if max(job.canvas) > job.limits.output_side_max or pixels > job.limits.output_pixels_max:
        raise LimitExceeded("The pictures are too large together")
    if sheets > job.limits.frames_max or sheets * pixels > job.limits.animation_pixels_max:
        raise LimitExceeded("The pictures have too many pixels together")
    if (sheets + 1) * pixels * BYTES_PER_PIXEL > job.limits.working_bytes_max:
        raise LimitExceeded("The pictures need more memory together than allowed (working_bytes_max)")


def _gathered(source: Bytes, job: GatherJob) -> tuple[Outcome, bytes]:
    sheets: list[Image.Image] = []
    for picture, place in zip(_pictures(source, job), job.places, strict=True):
        if job.duration_ms or not sheets:
            sheets.append(Image.new("RGBA", job.canvas))
        sheets[-1].paste(picture, place)
    body = io.BytesIO()
    with making():
        if job.duration_ms:
            sheets[0].save(
                body,
                "PNG",
                save_all=True,
                append_images=sheets[1:],
                duration=job.duration_ms,
                loop=0,
                disposal=DISPOSE_TO_BACKGROUND,
                blend=BLEND_SOURCE,
            )
        else:
            sheets[0].save(body, "PNG")
    facts = open_source(body.getvalue(), job.limits).facts()
    width, height = job.canvas
    done = Done(source=facts, content_type="image/png", format="png", width=width, height=height, frames=facts.frames)
    return done, body.getvalue()


def _pictures(source: Bytes, job: GatherJob) -> Iterator[Image.Image]:
    """Raises UndecodableMedia."""
    view = memoryview(source).cast("B")
    ends = list(accumulate(job.sizes, initial=0))
    if ends[-1] != len(view) or len(job.sizes) != len(job.places) or not job.sizes:
        raise UndecodableMedia("Invalid image file")
    for start, end in pairwise(ends):
        opened = open_source(bytes(view[start:end]), job.limits)
        with decoding(), opened.open_image() as image:
            picture = image.convert("RGBA")
        yield picture

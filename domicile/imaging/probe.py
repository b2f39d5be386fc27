"""What an uploaded file is, proved by decoding all of it once (decisions K: a file that would be refused later is
refused at upload).
"""

from __future__ import annotations

import hashlib
import time

from domicile.imaging.decode import check_jpeg
from domicile.imaging.guarded import decoder_limits, decoding, refusal
from domicile.imaging.job import Done, MediaLimits, Outcome, Timings
from domicile.imaging.source import Bytes, Source, open_source
from domicile.media.errors import LimitExceeded, MediaError


def probe(source: Bytes, limits: MediaLimits) -> Outcome:
    """Facts of the file, or Refused. Never raises for what the bytes are."""
    started = time.perf_counter()
    try:
        with decoder_limits(limits):
            opened = open_source(source, limits)
            _decode_all(opened, limits)
    except MediaError as error:
        return refusal(error)
    facts = opened.facts(md5=hashlib.md5(opened.view, usedforsecurity=False).hexdigest())
    return Done(
        source=facts,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        timings=Timings(decode=time.perf_counter() - started),
    )


def _decode_all(source: Source, limits: MediaLimits) -> None:
    """Every frame, one at a time in memory."""
    with decoding():
        if source.format == "jpg":
            check_jpeg(source)
            return
        with source.open_image() as image:
            for number in range(source.claims.frames):
                if number:
                    image.seek(number)
                if image.width * image.height > limits.source_pixels_max:  # pages of a TIFF have their own sizes
                    raise LimitExceeded(f"Maximum image size is {limits.source_pixels_max} pixels")
                image.load()

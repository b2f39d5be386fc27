"""What an uploaded file is, proved by decoding all of it once (decisions K: a file that would be refused later is
refused at upload).
"""

from __future__ import annotations

import hashlib
import time

from domicile.imaging.analysis.look import analysis_of
from domicile.imaging.decode import check_renderable, decode_all
from domicile.imaging.films import probe_film
from domicile.imaging.guarded import decoder_limits, refusal
from domicile.imaging.job import Done, Outcome, ProbeJob, Timings
from domicile.imaging.sniff import sniff
from domicile.imaging.source import Bytes, open_source
from domicile.media.errors import LimitExceeded, MediaError


def probe(source: Bytes, job: ProbeJob) -> Outcome:
    """Facts of the file, or Refused. Never raises for what the bytes are."""
    started, limits = time.perf_counter(), job.limits
    if job.film is not None:
        return probe_film(memoryview(source).cast("B"), job.film)
    try:
        with decoder_limits(limits):
            if not job.pdf and sniff(memoryview(source).cast("B")) == "pdf":
                raise LimitExceeded("PDF is not accepted: the policy of this cloud says so")
            opened = open_source(source, limits)
            check_renderable(opened, limits.working_bytes_max)
            decode_all(opened, limits)
            analysis = analysis_of(opened, limits, job.wishes)
    except MediaError as error:
        return refusal(error)
    facts = opened.facts(md5=hashlib.md5(opened.view, usedforsecurity=False).hexdigest())
    return Done(
        source=facts,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        analysis=analysis,
        timings=Timings(decode=time.perf_counter() - started),
    )

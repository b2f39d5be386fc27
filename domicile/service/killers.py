"""Inputs that cost a decoder process, so that each costs one process and not one per request.

A job may have several sources: a picture, and those laid over it. What ended a process is remembered of all of them with
that job. Which of them is bad nobody can tell from that: each is tried alone before anything is held against it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from domicile.imaging.job import MediaLimits, RenderJob
from domicile.service.pool_files import SourceFile, digest, of_all, with_job
from domicile.service.pool_verdict import Death

SOURCE_KILLS_MAX = 2
"""Kills of one source, by jobs of any kind, before its next job must wait for the source to prove itself."""
STRIKES_MAX = 2
"""Deaths of one job that the machine may be to blame for, before the job is."""


def plainest(limits: MediaLimits) -> RenderJob:
    """The job that tells a bad source from one of which too much was asked: decode it, and write next to nothing."""
    return RenderJob(transformation="c_limit,h_16,w_16", extension="png", bucket="", limits=limits)


@dataclass(slots=True)
class _Job:
    death: Death
    strikes: int = 0


@dataclass(slots=True)
class _Source:
    size: int
    kills: int = 0
    was_tried: bool = False
    condemned: Death | None = None

    @property
    def is_suspect(self) -> bool:
        return self.kills >= SOURCE_KILLS_MAX and not self.was_tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a job before it runs."""

    death: Death | None = None
    """How it ended; the answer is known then."""
    suspects: tuple[SourceFile, ...] = ()
    """Sources of which other jobs killed their processes: see of each alone whether the plainest one does."""


INNOCENT = Record()


@dataclass(slots=True)
class Killers:
    """Two bounded memories, least recently met first out: of SHA-256 over (sources, job), and over each source alone.

    Nothing is ever forgiven by time: the same bytes and the same job do the same again. It lives as long as its
    process. Sources whose length no killer has are not hashed: an honest one costs a dictionary look-up.
    """

    length_max: int
    """Of each of the two."""
    _jobs: OrderedDict[bytes, _Job] = field(default_factory=OrderedDict)
    _sources: OrderedDict[bytes, _Source] = field(default_factory=OrderedDict)
    _sizes: Counter[int] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._jobs)

    async def look_up(self, sources: Sequence[SourceFile], job: bytes) -> Record:
        """What is known of the job; `sources` is the picture, then its layers in the order of the job."""
        if not any(source.size in self._sizes for source in sources):
            return INNOCENT
        keys = [await digest(source) for source in sources]
        found = [
            (source, self._sources[key]) for source, key in zip(sources, keys, strict=True) if key in self._sources
        ]
        for key in keys:
            if key in self._sources:
                self._sources.move_to_end(key)
        for _, known in found:
            if known.condemned is not None:
                return Record(death=known.condemned)
        asked = with_job(of_all(keys), job)
        done = self._jobs.get(asked)
        if done is None or done.strikes < STRIKES_MAX:
            return Record(suspects=tuple(source for source, known in found if known.is_suspect))
        self._jobs.move_to_end(asked)
        return Record(death=done.death)

    async def remember(
        self, sources: Sequence[SourceFile], job: bytes, death: Death, *, is_proved: bool = True
    ) -> None:
        """The job ended a process. When the machine may have done it, it has to happen again to count."""
        keys = [await digest(source) for source in sources]
        for key, size in {key: source.size for key, source in zip(keys, sources, strict=True)}.items():
            self._source(key, size).kills += 1
        asked = with_job(of_all(keys), job)
        known = self._jobs.setdefault(asked, _Job(death))
        known.death, known.strikes = death, STRIKES_MAX if is_proved else known.strikes + 1
        self._jobs.move_to_end(asked)
        while len(self._jobs) > self.length_max:
            self._jobs.popitem(last=False)
        self._trim_sources()

    async def judge(self, source: SourceFile, death: Death | None) -> None:
        """What came of the plainest job: a source that kills even with that is refused whatever is asked of it."""
        found = self._source(await digest(source), source.size)
        found.was_tried, found.condemned = True, death
        self._trim_sources()

    def _source(self, key: bytes, size: int) -> _Source:
        if key not in self._sources:
            self._sources[key] = _Source(size)
            self._sizes[size] += 1
        self._sources.move_to_end(key)
        return self._sources[key]

    def _trim_sources(self) -> None:
        while len(self._sources) > self.length_max:
            _, gone = self._sources.popitem(last=False)
            self._sizes[gone.size] -= 1
            if not self._sizes[gone.size]:
                del self._sizes[gone.size]

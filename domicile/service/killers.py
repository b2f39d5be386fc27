"""Inputs that cost a decoder process, so that each costs one process and not one per request."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from domicile.imaging.job import MediaLimits, RenderJob
from domicile.service.pool_files import SourceFile, digest, with_job
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a job before it runs."""

    death: Death | None = None
    """How it ended; the answer is known then."""
    is_suspect: bool = False
    """Other jobs of this source killed their processes: see whether the plainest one does."""


INNOCENT = Record()


@dataclass(slots=True)
class Killers:
    """Two bounded memories, least recently met first out: of SHA-256 over (source, job), and over the source alone.

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

    async def look_up(self, source: SourceFile, job: bytes) -> Record:
        if source.size not in self._sizes:
            return INNOCENT
        key = await digest(source)
        found = self._sources.get(key)
        if found is None:
            return INNOCENT
        self._sources.move_to_end(key)
        if found.condemned is not None:
            return Record(death=found.condemned)
        known = self._jobs.get(with_job(key, job))
        if known is None or known.strikes < STRIKES_MAX:
            return Record(is_suspect=found.kills >= SOURCE_KILLS_MAX and not found.was_tried)
        self._jobs.move_to_end(with_job(key, job))
        return Record(death=known.death)

    async def remember(self, source: SourceFile, job: bytes, death: Death, *, is_proved: bool = True) -> None:
        """The job ended a process. When the machine may have done it, it has to happen again to count."""
        key = await digest(source)
        self._source(key, source.size).kills += 1
        known = self._jobs.setdefault(with_job(key, job), _Job(death))
        known.death, known.strikes = death, STRIKES_MAX if is_proved else known.strikes + 1
        self._jobs.move_to_end(with_job(key, job))
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

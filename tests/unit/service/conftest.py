"""A decoder pool with real processes and the handlers of decoder_double.py."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from domicile.imaging.job import LayerInput, MediaLimits, RenderJob
from domicile.service.pool import DecoderPool
from domicile.service.pool_settings import PoolSettings
from domicile.service.settings import MIB

DOUBLE = Path(__file__).with_name("decoder_double.py")
JOB = RenderJob(transformation="", extension=None, bucket="", limits=MediaLimits())
SETTINGS: dict[str, Any] = {
    "processes": 1,
    "job_seconds_max": 5.0,
    "memory_bytes_max": 160 * MIB,
    "result_bytes_max": 4 * MIB,
}


@dataclass
class Counted:
    """What a pool told its observer."""

    depths: list[int] = field(default_factory=list)
    jobs: list[tuple[str, str, str]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    turned_away: Counter[str] = field(default_factory=Counter)

    def on_queue_depth(self, depth: int) -> None:
        self.depths.append(depth)

    def on_working(self, jobs: int) -> None:
        assert jobs >= 0

    def on_wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def on_turned_away(self, reason: str) -> None:
        self.turned_away[reason] += 1

    def on_job(self, kind: str, format: str, seconds: float, outcome: str) -> None:  # noqa: A002
        assert seconds >= 0
        self.jobs.append((kind, format, outcome))

    def on_worker_killed(self, reason: str) -> None:
        self.killed[reason] += 1


@dataclass
class Bench:
    pool: DecoderPool
    counted: Counted

    async def say(self, word: str, *, tenant: str = "acme", transformation: str = "") -> str:
        job = RenderJob(transformation=transformation, extension=None, bucket="", limits=JOB.limits)
        return (await self.pool.render(word.encode(), job, tenant=tenant)).body.decode()

    async def lay(self, *words: str, under: str, transformation: str = "") -> str:
        """A job with layers: what is under them, and what each of them is."""
        layers = tuple(LayerInput(name=f"upload/{number}") for number in range(len(words)))
        job = RenderJob(transformation=transformation, extension=None, bucket="", limits=JOB.limits, layers=layers)
        bodies = [word.encode() for word in words]
        return (await self.pool.render(under.encode(), job, tenant="acme", layers=bodies)).body.decode()

    def only_decoder(self) -> int:
        """Of the one decoder that waits, without giving it a job."""
        (pid,) = self.decoders()
        return pid

    def zygote(self) -> int:
        assert self.pool._decoders._zygote is not None
        return self.pool._decoders._zygote._process.pid

    def decoders(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.zygote()).children()}


def descriptors() -> int:
    """Open ones. What earlier tests left for the collector is no part of it: it goes at any time."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Bench]:
    counted = Counted()
    pool = DecoderPool(PoolSettings(**{**SETTINGS, **settings}), observer=counted, handlers=DOUBLE)
    await pool.start()
    try:
        yield Bench(pool, counted)
    finally:
        await pool.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with opened() as found:
        yield found

"""Which process does the next job: the zygote, decoders that wait and decoders at work.

A decoder serves one tenant between two recycles (decisions N). It is ended when it has done its number of jobs, when it has
kept too much, when nobody needed it for a while, and when an erase may have left something in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from domicile.media.errors import Overloaded
from domicile.service.pool_process import CannotFork, Decoder, Zygote
from domicile.service.pool_settings import FORK_SECONDS_MAX, START_SECONDS_MAX, PoolSettings

FORKS_MAX = 2
"""Attempts to get a process, the second with a new zygote."""

log = structlog.get_logger()


class Decoders:
    """Of one pool."""

    def __init__(self, settings: PoolSettings, *, handlers: Path | None, on_killed: Callable[[str], None]) -> None:
        """`handlers`: as of `DecoderPool`; `on_killed`: called with the outcome of a job that its decoder did not survive."""
        self.layers: Mapping[str, bool] = {}
        """Which layers of the sandbox hold here, as the first decoder reported."""
        self.features: Mapping[str, object] | None = None
        """What it reported of its libraries, if `start` was told to ask."""
        self._settings = settings
        self._handlers = handlers
        self._on_killed = on_killed
        self._processes = settings.processes_or_default()
        self._idle: list[Decoder] = []
        self._busy: set[Decoder] = set()
        self._zygote: Zygote | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self, *, tells_features: bool) -> None:
        """Start the zygote and prove with a first decoder that all works.

        Raises CannotFork, also when a layer of `layers_required` does not hold.
        """
        self._zygote = Zygote(self._settings, self._handlers, tells_features=tells_features)
        try:
            first = await Decoder.fork(self._zygote, START_SECONDS_MAX)
            self.layers, self.features = first.layers, first.features
            self._idle.append(first)
            missing = [name for name in self._settings.layers_required if not first.layers.get(name)]
            if missing:
                raise CannotFork("sandbox layers missing: " + ", ".join(missing))
        except BaseException:
            await self.close()
            raise
        log.info("decoder_pool_started", processes=self._processes)
        if missing_here := [name for name, holds in self.layers.items() if not holds]:
            log.warning("decoder_sandbox_incomplete", layers=missing_here)

    async def close(self) -> None:
        """Kill all decoders and the zygote, and wait until they are gone."""
        zygote, self._zygote = self._zygote, None
        for decoder in [*self._idle, *self._busy]:
            decoder.kill("closed")
        while self._idle:
            await self._idle.pop().close()
        if zygote is not None:
            await zygote.close()

    @property
    def are_there(self) -> bool:
        """Between start and close."""
        return self._zygote is not None

    def retire(self, tenant: str | None = None) -> None:
        """After an erase: idle decoders of this tenant (of all) end now, working ones after their job."""
        for decoder in [decoder for decoder in self._idle if tenant in {None, decoder.tenant}]:
            self._end_idle(decoder)
        for decoder in self._busy:
            if tenant in {None, decoder.tenant}:
                decoder.jobs = self._settings.jobs_per_process_max

    # --- for a job ----------------------------------------------------------------------------------------------------

    async def get(self, tenant: str, *, must_be_fresh: bool, working: int) -> Decoder:
        """An idle decoder of this tenant, else a fresh one; `working`: how many are at work, with this one. It is to be `put`
        back. Raises Overloaded when none can be had.
        """
        self._end_heavy()
        for decoder in reversed(self._idle):
            if decoder.tenant in {tenant, None} and not (must_be_fresh and decoder.jobs):
                self._idle.remove(decoder)
                break
        else:
            while self._idle and len(self._idle) + working > self._processes:
                self._end_idle(self._idle[0])
            decoder = await self._fork()
        if decoder.idle_timer is not None:
            decoder.idle_timer.cancel()
        decoder.tenant = tenant
        self._busy.add(decoder)
        return decoder

    def put(self, decoder: Decoder, outcome: str) -> None:
        """Its job is over: it is idle or dead afterwards."""
        self._busy.discard(decoder)
        if outcome == "cancelled":
            decoder.kill("cancelled")
        if not decoder.is_alive:
            self._on_killed(outcome)
        if decoder.is_alive and decoder.jobs < self._settings.jobs_per_process_max and self._zygote is not None:
            loop = asyncio.get_running_loop()
            decoder.idle_timer = loop.call_later(self._settings.idle_seconds_max, self._end_idle, decoder)
            self._idle.append(decoder)
        else:
            decoder.let_go()

    def _end_heavy(self) -> None:
        """What jobs leave on the heap (hundreds of megabytes after an AVIF) is not the next one's to account for."""
        for decoder in [decoder for decoder in self._idle if decoder.jobs]:
            if decoder.resident_bytes() > self._settings.warm_bytes_max:
                self._end_idle(decoder)

    async def _fork(self) -> Decoder:
        for _ in range(FORKS_MAX):
            zygote = self._zygote
            if zygote is None:
                break
            try:
                return await Decoder.fork(zygote, FORK_SECONDS_MAX)
            except CannotFork:
                log.warning("decoder_zygote_lost")
                if self._zygote is zygote:
                    self._zygote = Zygote(self._settings, self._handlers)
                    await zygote.close()
        raise Overloaded("No image can be processed now")

    def _end_idle(self, decoder: Decoder) -> None:
        self._idle.remove(decoder)
        decoder.let_go()

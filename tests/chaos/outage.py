"""An origin that is away, under load: what edges answer meanwhile, and how soon after it is back each has its full hit rate again.

Nothing is uploaded, overwritten or erased meanwhile, so the full rate is 1: what was cached before is cached after. Whether an
edge may serve it is what the lease decides: one of 120 s is renewed every 40, so that an origin that is away for 45 is not missed
by anybody who asks for what is cached; one of 30 s runs out, and edges answer 503 until the origin is there again.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.book import Upload
from tests.chaos.bounds import silent_seconds
from tests.chaos.caller import calling
from tests.chaos.run import path_of
from tests.chaos.viewer import Viewer
from tests.chaos.world import World
from tests.soak.oracle import Wrong

RECOVERED_SECONDS_MAX = 10.0
WINDOW_SECONDS = 1.0
"""In which every answer of every edge must be a hit, for the rate to be called full."""
ANSWERS_IN_WINDOW_MIN = 5
"""Of each edge."""
SLOTS = 30
WIDTHS = (100, 110, 120, 130)
VIEWERS_EACH = 3
VIEW_SECONDS_MAX = 5.0
ASKED_MAX, ASKED_PAUSE_SECONDS = 20, 0.25
"""Until a rendition is a hit, before the origin goes."""
WATCHED_SECONDS_MAX = 60.0
RENEWED_SHARE = 1 / 3
"""Of a lease, after which it is renewed: what is left of it when the origin goes is the rest, at least."""
UNANSWERED_SHARE_MAX = 0.01
"""Of questions while every lease lasts: a viewer of a busy machine gives up now and then."""


@dataclass(frozen=True, slots=True)
class Sample:
    edge: int
    at: float
    status: int
    is_hit: bool
    tier: str = ""

    @property
    def is_full(self) -> bool:
        return self.is_hit and self.status == 200


def recovered_after(samples: Sequence[Sample], since: float, edges: int) -> float | None:
    """Seconds from `since` to the first window of nothing but hits at every edge; None: not yet."""
    later = [sample for sample in samples if sample.at >= since]
    last = max((sample.at for sample in later), default=since)
    misses = [since, *(sample.at for sample in later if not sample.is_full)]
    for start in misses:
        if start + WINDOW_SECONDS > last:
            return None  # it is not over: nothing says yet that the rest are hits, too
        window = [sample for sample in later if start < sample.at <= start + WINDOW_SECONDS]
        counts = [sum(sample.edge == edge for sample in window) for edge in range(edges)]
        if all(sample.is_full for sample in window) and min(counts) >= ANSWERS_IN_WINDOW_MIN:
            return start - since
    return None


def wrong_meanwhile(samples: Sequence[Sample], gone: float, away_seconds: float, lease_seconds: float) -> str:
    """What edges may not have done while the origin was away; empty: nothing. `samples`: of that time."""
    if away_seconds < lease_seconds * (1 - RENEWED_SHARE):
        answered = [sample for sample in samples if sample.status]
        if not all(sample.is_full for sample in answered):
            return "no lease had run out"
        if len(samples) - len(answered) > UNANSWERED_SHARE_MAX * len(samples):
            return "no lease had run out, and too many had no answer"
    over = gone + silent_seconds(lease_seconds) + VIEW_SECONDS_MAX  # what was sent before is on its way
    if any(sample.is_hit for sample in samples if sample.at > over):
        return "every lease had run out, and something was served"
    return ""


def counted(samples: Sequence[Sample]) -> str:
    """How many of what."""
    kinds = Counter(f"hits of {sample.tier}" if sample.is_full else f"status {sample.status}" for sample in samples)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no answers"


@dataclass(slots=True)
class Outage:
    world: World
    seed: int
    slots: int = SLOTS
    samples: list[Sample] = field(default_factory=list)
    _is_over: bool = False

    async def run(
        self, away_seconds: float, *, answers_min: int = 0, recovered_seconds_max: float = RECOVERED_SECONDS_MAX
    ) -> str:
        """`answers_min`: of each edge, while the origin is away; fewer would be no load. Raises Wrong: it takes too long afterwards,
        or meanwhile a lease that had not run out was no use, or one that had was.
        """
        edges, paths = len(self.world.nodes), await self._filled()
        async with asyncio.TaskGroup() as group:
            for edge in range(edges):
                for number in range(VIEWERS_EACH):
                    group.create_task(self._view_on(edge, random.Random(f"{self.seed}/{edge}/{number}"), paths))
            await self._recovered(time.monotonic(), edges)  # the rate is full before
            await asyncio.to_thread(self.world.origin.stop, signal.SIGTERM)
            gone = time.monotonic()
            await asyncio.sleep(away_seconds)
            await self._answered(gone, answers_min)
            meanwhile = [sample for sample in self.samples if sample.at >= gone]
            began = time.monotonic()
            await asyncio.to_thread(self.world.origin.start)
            seconds = await self._recovered(time.monotonic(), edges)
            self._is_over = True
        said = f"outage of {began - gone:.0f} s, L = {self.world.lease_seconds:g} s: {counted(meanwhile)} meanwhile; full hit rate {seconds:.1f} s after"
        if seconds > recovered_seconds_max:
            raise Wrong(f"{said}; allowed: {recovered_seconds_max:g} s\n{self.world.logs()}")
        if wrong := wrong_meanwhile(meanwhile, gone, began - gone, self.world.lease_seconds):
            raise Wrong(f"{said}; {wrong}\n{self.world.logs()}")
        return said

    async def _answered(self, since: float, least: int) -> None:
        until = time.monotonic() + WATCHED_SECONDS_MAX
        while True:
            counts = Counter(sample.edge for sample in self.samples if sample.at >= since and sample.status)
            if all(counts[edge] >= least for edge in range(len(self.world.nodes))):
                return
            if time.monotonic() > until:
                raise Wrong(f"only {dict(counts)} answers of edges while the origin was away\n{self.world.logs()}")
            await asyncio.sleep(0.05)

    async def _filled(self) -> list[str]:
        async with calling(self.world.origin) as caller:
            for slot in range(self.slots):
                if not await caller.upload(Upload(slot, 0)):
                    raise Wrong("an upload was not taken")
        paths = [path_of(slot, width) for slot in range(self.slots) for width in WIDTHS]
        for number, node in enumerate(self.world.nodes):
            viewer = Viewer(VIEW_SECONDS_MAX)
            for path in paths:
                await self._cached(viewer, number, node.port, path)
            viewer.close()
        return paths

    async def _cached(self, viewer: Viewer, number: int, port: int, path: str) -> None:
        """Raises Wrong: an edge makes a rendition again and again, or none."""
        answered = Counter[int]()
        for _ in range(ASKED_MAX):
            answer = await viewer.ask(port, path, {})
            if answer.is_hit and answer.status == 200:
                return
            answered[answer.status] += 1
            await asyncio.sleep(ASKED_PAUSE_SECONDS if answer.status != 200 else 0)
        raise Wrong(f"edge {number} keeps nothing of what it answers: {dict(answered)}\n{self.world.logs()}")

    async def _view_on(self, edge: int, chance: random.Random, paths: Sequence[str]) -> None:
        viewer = Viewer(VIEW_SECONDS_MAX)
        while not self._is_over:
            try:
                answer = await viewer.ask(self.world.nodes[edge].port, chance.choice(paths), {})
                is_hit = answer.is_hit and answer.is_whole
                self.samples.append(Sample(edge, time.monotonic(), answer.status, is_hit, answer.tier))
            except (OSError, EOFError, TimeoutError):
                self.samples.append(Sample(edge, time.monotonic(), 0, is_hit=False))
                viewer.close()
            await asyncio.sleep(0.01)
        viewer.close()

    async def _recovered(self, since: float, edges: int) -> float:
        until = time.monotonic() + WATCHED_SECONDS_MAX
        while (seconds := recovered_after(self.samples, since, edges)) is None:
            if time.monotonic() > until:
                raise Wrong(
                    f"not all are hits again {WATCHED_SECONDS_MAX:g} s after the origin was\n{self.world.logs()}"
                )
            await asyncio.sleep(0.2)
        return seconds

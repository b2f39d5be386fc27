"""An origin that is away for longer than a lease, under load: how soon after it is back every edge has its full hit rate again.

Nothing is uploaded, overwritten or erased meanwhile, so the full rate is 1: what was cached before is cached after. (Whether an
edge may serve it is what the lease decides: while the origin is away for long they answer 503.)
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.book import Upload
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
WATCHED_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    edge: int
    at: float
    status: int
    is_hit: bool


def recovered_after(samples: Sequence[Sample], since: float, edges: int) -> float | None:
    """Seconds from `since` to the first window of nothing but hits at every edge; None: not yet."""
    later = [sample for sample in samples if sample.at >= since]
    misses = [since, *(sample.at for sample in later if not (sample.is_hit and sample.status == 200))]
    for start in misses:
        window = [sample for sample in later if start < sample.at <= start + WINDOW_SECONDS]
        counts = [sum(sample.edge == edge for sample in window) for edge in range(edges)]
        if all(sample.is_hit and sample.status == 200 for sample in window) and min(counts) >= ANSWERS_IN_WINDOW_MIN:
            return start - since
    return None


@dataclass(slots=True)
class Outage:
    world: World
    seed: int
    samples: list[Sample] = field(default_factory=list)
    _is_over: bool = False

    async def run(self, away_seconds: float) -> str:
        """Raises Wrong when it takes longer than RECOVERED_SECONDS_MAX."""
        edges, paths = len(self.world.nodes), await self._filled()
        async with asyncio.TaskGroup() as group:
            for edge in range(edges):
                for number in range(VIEWERS_EACH):
                    group.create_task(self._view_on(edge, random.Random(f"{self.seed}/{edge}/{number}"), paths))
            await self._recovered(time.monotonic(), edges)  # the rate is full before
            await asyncio.to_thread(self.world.origin.stop, signal.SIGTERM)
            await asyncio.sleep(away_seconds)
            refused = sum(sample.status == 503 for sample in self.samples)
            await asyncio.to_thread(self.world.origin.start)
            seconds = await self._recovered(time.monotonic(), edges)
            self._is_over = True
        answers = len(self.samples)
        said = f"outage of {away_seconds:g} s, L = {self.world.lease_seconds:g} s: full hit rate {seconds:.1f} s after, {refused} refused of {answers} answers"
        if seconds > RECOVERED_SECONDS_MAX:
            raise Wrong(f"{said}; allowed: {RECOVERED_SECONDS_MAX:g} s\n{self.world.logs()}")
        return said

    async def _filled(self) -> list[str]:
        async with calling(self.world.origin) as caller:
            for slot in range(SLOTS):
                if not await caller.upload(Upload(slot, 0)):
                    raise Wrong("an upload was not taken")
        paths = [path_of(slot, width) for slot in range(SLOTS) for width in WIDTHS]
        for node in self.world.nodes:
            viewer = Viewer(VIEW_SECONDS_MAX)
            for path in dict.fromkeys(paths):
                await viewer.ask(node.port, path, {})
            viewer.close()
        return paths

    async def _view_on(self, edge: int, chance: random.Random, paths: Sequence[str]) -> None:
        viewer = Viewer(VIEW_SECONDS_MAX)
        while not self._is_over:
            try:
                answer = await viewer.ask(self.world.nodes[edge].port, chance.choice(paths), {})
                self.samples.append(Sample(edge, time.monotonic(), answer.status, answer.is_hit))
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

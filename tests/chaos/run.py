"""The chaos run: viewers at every edge, uploads and erasures at the origin, and meanwhile what `plan` says happens to them.

    prepare   pillars, which are never erased and which every edge has
    storm     everything at once; goes on until the plan is done and enough is erased
    calm      everything is let go: each erasure is over, every edge serves what is there from its cache, and nothing else

What was wrong is raised at once, with the seed; `told` says what was shown.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chaos.book import Book, Life, Question
from tests.chaos.bounds import SCHEDULING_SECONDS_MAX, latest, silent_seconds, worst
from tests.chaos.caller import Caller, calling, name_of
from tests.chaos.plan import KILLS, PARTITIONS, STOPS, Event, Kind, Wanted, plan, told
from tests.chaos.viewer import Viewer
from tests.chaos.world import World
from tests.soak.oracle import Wrong

PILLARS = 8
SLOTS = 240
LIVING_MIN = 12
"""Uploads keep so many there."""
ERASERS = 6
VIEWERS_EACH = 3
REQUESTS_EACH_CONNECTION = 25
"""Then another worker may have the next."""
WIDTHS = (100, 110)
VIEW_SECONDS_MAX = 5.0
VIEW_PAUSE_SECONDS = 0.01
LATER_SECONDS_MAX = 120.0
"""Beyond the plan, for what is still to be done, and for calm; a limit of the test and nothing that is claimed."""
RECOVERED_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """Below these nothing was shown."""

    partitions: int
    erasures: int
    kills: int
    stops: int
    answers: int


@dataclass(slots=True)
class Chaos:
    world: World
    seed: int
    wanted: Wanted
    least: Least
    view_pause_seconds: float = VIEW_PAUSE_SECONDS
    book: Book = field(default_factory=Book)
    recovered_seconds: float = 0.0
    _is_over: bool = False

    async def run(self) -> str:
        """What was shown. Raises Wrong."""
        try:
            async with calling(self.world.origin) as caller:
                await self._prepare(caller)
                await self._storm(caller)
                await self._calm(caller)
        except BaseException as failed:
            failed.add_note(f"seed {self.seed}, after {told(self.world.done)}\n{self.world.logs()}")
            raise
        self._check()
        return self.told()

    def told(self) -> str:
        lease, done, book = self.wanted.lease_seconds, self.world.done, self.book.outcomes
        was = worst(self.book.erasures(), lease, self.world.absences, self.world.troubles())
        return (
            f"chaos, seed {self.seed}, L = {lease:g} s: {was.erasures} erasures, worst t_fenced {was.fenced:.2f} s"
            f" ({was.fenced_late:+.2f} s by the formula: {silent_seconds(lease):.2f} s after commit or start), worst t_verified"
            f" {was.verified:.2f} s ({was.verified_late:+.2f} s by the formula: each edge has looked, or another {silent_seconds(lease):.2f} s"
            f" without a lease), violations = 0; {self._count(PARTITIONS)} partitions; {told(done)};"
            f" answers {dict(sorted(book.items()))}; hits everywhere {self.recovered_seconds:.1f} s after calm"
        )

    def _count(self, kinds: tuple[Kind, ...]) -> int:
        return sum(self.world.done[kind] for kind in kinds)

    def _check(self) -> None:
        lease, outcomes = self.wanted.lease_seconds, self.book.outcomes
        was = worst(self.book.erasures(), lease, self.world.absences, self.world.troubles())
        found = Least(
            partitions=self._count(PARTITIONS),
            erasures=was.erasures,
            kills=self._count(KILLS),
            stops=self._count(STOPS),
            answers=outcomes["whole"] + outcomes["in part"] + outcomes["unchanged"],
        )
        lacking = [name for name in Least.__slots__ if getattr(found, name) < getattr(self.least, name)]
        assert not lacking, f"too little happened, seed {self.seed}: {found}"
        late = max(was.fenced_late, was.verified_late)
        assert late <= SCHEDULING_SECONDS_MAX, (
            f"an erasure took {late:.1f} s longer than the formula allows: {self.told()}\n{self._story()}"
        )

    def _story(self) -> str:
        """Of the erasure that was verified last by the formula: what edges had come to, and what happened to them meanwhile."""
        troubles = self.world.troubles()
        life = latest(self.book.erasures(), self.wanted.lease_seconds, self.world.absences, troubles)
        assert life.erasing_at is not None
        assert life.verified_at is not None
        start, end = life.erasing_at, life.verified_at
        heard = [f"{at - start:8.1f} {what}" for at, what in life.heard]
        happened = [
            f"{one.began - start:8.1f} to {one.ended - start:8.1f} {one.lane}: {one.kind}"
            for one in self.world.happened
            if one.ended > start and one.began < end
        ]
        jumped = [f"{at - start:8.1f} a clock was set" for at in self.world.jumps() if start < at < end]
        return "\n".join([str(life.upload), *heard, *happened, *jumped])

    # --- prepare ----------------------------------------------------------------------------------------------------

    async def _prepare(self, caller: Caller) -> None:
        for slot in range(PILLARS):
            life = self.book.begin(slot, time.monotonic())
            if not await caller.upload(life.upload):
                raise Wrong("an upload before anything happened was not taken")
        for edge in range(len(self.world.nodes)):
            await self._until_hits(edge, RECOVERED_SECONDS_MAX)
        for slot in range(PILLARS):
            self.book.lives[slot][-1].there_at = float("-inf")  # everybody knows of it

    # --- storm ------------------------------------------------------------------------------------------------------

    async def _storm(self, caller: Caller) -> None:
        lanes = plan(self.seed, self.wanted)
        async with asyncio.TaskGroup() as all_:
            for edge in range(len(self.world.nodes)):
                for number in range(VIEWERS_EACH):
                    all_.create_task(self._view_on(edge, random.Random(f"{self.seed}/{edge}/{number}")))
            all_.create_task(self._upload_on(caller))
            erasing = [
                all_.create_task(self._erase_on(caller, random.Random(f"{self.seed}/erase/{number}")))
                for number in range(ERASERS)
            ]
            async with asyncio.TaskGroup() as happening:
                for lane, events in lanes.items():
                    happening.create_task(self._happen(lane, events))
            await self._until_enough()
            self._is_over = True
            async with asyncio.timeout(LATER_SECONDS_MAX + 2 * self.wanted.lease_seconds):
                await asyncio.wait(erasing)

    async def _happen(self, lane: str, events: Iterable[Event]) -> None:
        for event in events:
            await self.world.happen(lane, event)

    async def _until_enough(self) -> None:
        until = time.monotonic() + LATER_SECONDS_MAX
        while sum(life.verified_at is not None for life in self.book.erasures()) < self.least.erasures:
            if time.monotonic() > until:
                return  # `_check` says what is lacking
            await asyncio.sleep(0.1)

    async def _upload_on(self, caller: Caller) -> None:
        while not self._is_over:
            free = [slot for slot in self.book.free_slots(SLOTS) if slot >= PILLARS]
            if not free or len(self.book.living()) >= PILLARS + LIVING_MIN:
                await asyncio.sleep(0.02)
                continue
            life = self.book.begin(free[0], time.monotonic())
            if await caller.upload(life.upload):
                life.there_at = time.monotonic()
            else:
                self.book.abandon(free[0])
                await asyncio.sleep(0.1)

    async def _erase_on(self, caller: Caller, chance: random.Random) -> None:
        while not self._is_over:
            living = [life for life in self.book.living() if life.upload.slot >= PILLARS]
            if len(living) <= LIVING_MIN // 3:
                await asyncio.sleep(0.05)
                continue
            await self._erase(caller, chance.choice(living))

    async def _erase(self, caller: Caller, life: Life) -> None:
        life.erasing_at = time.monotonic()
        await caller.erase(life, f"{self.seed}-{life.upload.slot}-{life.upload.version}")

    async def _view_on(self, edge: int, chance: random.Random) -> None:
        viewer = Viewer(VIEW_SECONDS_MAX)
        while not self._is_over:
            slot = self.book.choose(chance, PILLARS)
            outcome = await self._view(edge, viewer, slot, *self._question(slot, chance))
            if chance.random() < 1 / REQUESTS_EACH_CONNECTION:
                viewer.close()
            await asyncio.sleep(self.view_pause_seconds * (5 if outcome == "refused" else 1))
        viewer.close()

    def _question(self, slot: int, chance: random.Random) -> tuple[str, dict[str, str]]:
        path = path_of(slot, chance.choice(WIDTHS))
        match chance.randrange(5):
            case 0 if tag := self.book.held(path, slot, chance):
                return path, {"If-None-Match": tag}
            case 1 if slot % 4 == 3:
                start = chance.randrange(10_000)
                return path, {"Range": f"bytes={start}-{start + 2000}"}
            case 1:
                return path, {"Range": "bytes=0-"}
            case _:
                return path, {}

    async def _view(self, edge: int, viewer: Viewer, slot: int, path: str, fields: dict[str, str]) -> str:
        question = Question(slot, time.monotonic())
        try:
            answer = await viewer.ask(self.world.nodes[edge].port, path, fields)
        except (OSError, EOFError, TimeoutError):
            viewer.close()
            self.book.outcomes["no answer"] += 1
            return "refused"
        try:
            return self.book.check(question, time.monotonic(), path, answer)
        except Wrong as wrong:
            wrong.add_note(f"edge {edge}, {path}, {fields}: {[str(life) for life in self.book.lives[slot]]}")
            raise

    # --- calm -------------------------------------------------------------------------------------------------------

    async def _calm(self, caller: Caller) -> None:
        began = time.monotonic()
        for edge in range(len(self.world.nodes)):
            await self._until_hits(edge, RECOVERED_SECONDS_MAX)
        self.recovered_seconds = time.monotonic() - began
        for life in self.book.erasures():
            if life.verified_at is None:
                raise Wrong(f"never verified: {life}")
        for edge in range(len(self.world.nodes)):  # what was erased is nowhere, what was not is everywhere
            for slot in self.book.lives:
                for width in WIDTHS:
                    await self._look(edge, slot, width)

    async def _look(self, edge: int, slot: int, width: int) -> None:
        is_living = any(life.upload.slot == slot for life in self.book.living())
        deadline = time.monotonic() + RECOVERED_SECONDS_MAX
        while True:
            outcome = await self._view(edge, viewer := Viewer(VIEW_SECONDS_MAX), slot, path_of(slot, width), {})
            viewer.close()
            if outcome == "whole" or (outcome == "absent" and not is_living):
                return
            if time.monotonic() > deadline:
                raise Wrong(f"in the calm, edge {edge} says {outcome} of {self.book.lives[slot][-1]}")
            await asyncio.sleep(0.1)

    async def _until_hits(self, edge: int, seconds_max: float) -> None:
        """Every pillar comes from the cache of this edge."""
        deadline = time.monotonic() + seconds_max
        for slot in range(PILLARS):
            viewer = Viewer(VIEW_SECONDS_MAX)
            while True:
                before = self.book.outcomes["hits"]
                outcome = await self._view(edge, viewer, slot, path_of(slot, WIDTHS[0]), {})
                if outcome == "whole" and self.book.outcomes["hits"] > before:
                    break
                if time.monotonic() > deadline:
                    raise Wrong(f"edge {edge} has no hits")
                await asyncio.sleep(0.02)
            viewer.close()


def path_of(slot: int, width: int) -> str:
    if slot % 4 == 3:
        return f"/demo/raw/upload/v1/{name_of(slot)}"
    return f"/demo/image/upload/c_scale,w_{width}/v1/{name_of(slot)}.png"

"""A story of the model (tests/model/erase.py, peers.py), step by step, against the real code.

Each step is tried. One that the real code does not do now is noted, and the story goes on without it: what matters is that
nothing leaves at its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from domicile.media.errors import MediaError
from tests.replay.network import ANSWERED, Line
from tests.replay.world import Erased, Refused, World, path_of

TICK_SECONDS = 15.25
"""Two of them are longer than a lease and shorter than the wait for it; three are longer than that."""
TICK_SECONDS_BETWEEN = 15.5
"""Of two edges: there is no margin in their model, and two are enough for it."""
TICK_SECONDS_WITHOUT_MARGIN = 15.0
"""Two of them are a lease, so that only what the clocks lose decides."""
SLOW = 0.01
"""What a clock may lose: rho of `origin.fenced`."""
FENCED_SECONDS = 0.06
FILLERS = tuple(f"filler{number}" for number in range(16))
"""Erased, they make a fence forget what it was told before."""
PICTURE = "jane"
Does = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Told:
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(step, why) of those that the real code did not do."""
    violations: list[str] = field(default_factory=list)


class Story:
    """One edge."""

    def __init__(
        self, w: World, *, edge: str = "a", tick_seconds: float = TICK_SECONDS, restores: Sequence[str] = ()
    ) -> None:
        """`restores`: trees of the origin that an operator brings back."""
        self.w = w
        self.edge = edge
        self.erased: Erased | None = None
        self._began = w.loop.now
        self._ticks = 0
        self._tick_seconds = tick_seconds
        self._restores = restores
        self._wire: tuple[frozenset[str], bytes] | None = None
        """An answer on its way into the CDN's store."""
        self.is_verified = False

    async def begin(self, steps: Sequence[str]) -> Told:
        """With a lease."""
        await self.w.lease(self.edge)
        return await _tell(self.w, self.step, steps)

    def step(self, name: str) -> Does:
        return {
            "tick": lambda: self._tick(0.0),
            "tick that the edge's clock loses": lambda: self._tick(SLOW),
            "ask for a lease": lambda: self.w.ask_for_lease(self.edge),
            "grant": lambda: self.w.let(self.line, "lease"),
            "lose it": lambda: self.w.lose(self.line, "lease"),
            "take the lease": lambda: self.w.take_lease(self.edge),
            "apply the entry": lambda: self.w.apply(self.edge),
            "ack": self._ack,
            "forget the record": self._forget,
            "crash": self._crash,
            "start": self._start,
            "ask for the bytes": self._ask,
            "read them": self._read,
            "read them after the restore": self._read,
            "refuse them": lambda: self.w.lose(self.line, "resolve"),
            "insert": self.insert,
            "drop them": lambda: self.w.let(self.line, "blob", ANSWERED),
            "open the file": self._open,
            "approve a write": self._approve,
            "write": self._write,
            "erase": self._erase,
            "fenced": self.fenced,
            "restore": lambda: self.w.origin.restore(*self._restores),
            "the CDN stores it": self._store,
            "purge": self._purge,
            "verified": self._verified,
            "the CDN answers": self._cdn_answers,
        }[name]

    @property
    def line(self) -> Line:
        return self.w.nodes[self.edge].line

    # --- time -----------------------------------------------------------------------------------------------------------

    async def _tick(self, lost: float) -> None:
        clocks = self.w.nodes[self.edge].clocks
        clocks.run_at(1 - lost)
        self._ticks += 1
        await self.w.loop.pass_time(self._began + self._ticks * self._tick_seconds - self.w.loop.now)
        clocks.run_at(1.0)

    # --- the edge -------------------------------------------------------------------------------------------------------

    async def _ack(self) -> None:
        assert self.erased is not None
        await self.w.ack(self.edge, self.erased.seq)

    async def _forget(self) -> None:
        """As many others are erased as its fence can remember."""
        if FILLERS[0] in self.w.bodies:
            await self.w.erase(*FILLERS)
        await self.w.apply(self.edge)
        await self.w.loop.settle()

    async def _crash(self) -> None:
        await self.w.nodes[self.edge].crash()

    async def _start(self) -> None:
        await self.w.nodes[self.edge].start()

    async def _ask(self) -> None:
        """A HEAD, so that nobody is given anything by the fill itself."""
        viewer = await self.w.ask(self.edge, PICTURE, method="HEAD")
        if viewer.status:
            raise Refused(f"answered at once: {viewer.status}")

    async def _read(self) -> None:
        if self.line.find("resolve") is not None:
            await self.w.let_there_and_back(self.line, "resolve")
        await self.w.let(self.line, "blob")
        if self.line.find("blob", ANSWERED) is None:
            raise Refused("the origin gives no bytes")

    async def insert(self) -> None:
        await self.w.let(self.line, "blob" if self.line.find("tier", ANSWERED) is None else "tier", ANSWERED)
        if not len(self.w.nodes[self.edge].parts.tiers.lookup.memory):
            raise Refused("they are not kept")

    async def read_from_origin(self) -> None:
        await self._ask()
        await self._read()

    async def read_from_parent(self) -> None:
        """After the name, which it asks the origin for itself."""
        await self._ask()
        await self.w.let_there_and_back(self.line, "resolve")
        await self.w.let(self.line, "tier")
        if self.line.find("tier", ANSWERED) is None:
            raise Refused("the parent gives no bytes")

    async def serves(self) -> None:
        await self._approve()
        await self._write()

    async def _open(self) -> None:
        viewer = await self.w.ask(self.edge, PICTURE, method="HEAD")
        if viewer.status != 200:
            raise Refused(f"nothing opens: {viewer.status or 'no answer'}")

    async def _approve(self) -> None:
        await self.w.approve(self.edge, PICTURE)

    async def _write(self) -> None:
        viewer = await self.w.write(self.edge)
        if viewer.status != 200:
            raise Refused("nothing was written")
        self._wire = viewer.tags, viewer.got

    # --- the origin -----------------------------------------------------------------------------------------------------

    async def _erase(self) -> None:
        if self._restores:
            self.w.origin.back_up()
        self.erased = await self.w.erase(PICTURE)

    async def fenced(self) -> None:
        assert self.erased is not None
        await self.w.loop.pass_time(FENCED_SECONDS)
        self.w.look()
        if not self.erased.is_fenced:
            raise Refused("the origin waits for the edge")

    # --- the CDN --------------------------------------------------------------------------------------------------------

    async def _store(self) -> None:
        if self._wire is None:
            raise Refused("nothing is on its way")
        (tags, body), self._wire = self._wire, None
        assert tags, "a copy without tags is nothing that the CDN keeps"
        self.w.origin.cdn.store(path_of(PICTURE), tags, body)

    async def _purge(self) -> None:
        await self.w.origin.purge_cdns()

    async def _verified(self) -> None:
        assert self.erased is not None
        if not await self.w.origin.is_verified(self.erased.seq):
            raise Refused("its CDNs are not purged yet")
        self.is_verified = True

    async def _cdn_answers(self) -> None:
        if path_of(PICTURE) not in self.w.origin.cdn.copies:
            raise Refused("there is no copy")
        if self.is_verified:
            self.w.violations.append("the CDN: bytes after verified")


class TwoEdges:
    """Of tests/model/peers.py: a, and b, which a asks first if it has a parent at all."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.one = {edge: Story(w, edge=edge, tick_seconds=TICK_SECONDS_BETWEEN) for edge in "ab"}

    async def tell(self, steps: Sequence[str]) -> Told:
        return await _tell(self.w, self.step, steps)

    def step(self, name: str) -> Does:
        edge = name[0] if name[1:2] in {":", " "} else "a"
        story, what = self.one[edge], name.removeprefix(edge).lstrip(": ") if name[1:2] in {":", " "} else name
        return {
            "tick": story.step("tick"),
            "erase": self._erase,
            "fenced": self.one["a"].fenced,
            "take a lease": lambda: self.w.lease(edge),
            "apply the entry": lambda: self._apply(edge),
            "forget the record": story.step("forget the record"),
            "read from the origin": story.read_from_origin,
            "read from the other": story.read_from_parent,
            "insert it": story.insert,
            "drop it": story.insert,
            "serves": story.serves,
        }[what]

    async def _erase(self) -> None:
        self.one["a"].erased = await self.w.erase(PICTURE)
        self.one["b"].erased = self.one["a"].erased

    async def _apply(self, edge: str) -> None:
        """And it is acked: one step of this model."""
        erased = self.one[edge].erased
        assert erased is not None
        await self.w.apply(edge)
        await self.w.ack(edge, erased.seq)


async def _tell(w: World, step: Callable[[str], Does], steps: Sequence[str]) -> Told:
    told = Told()
    for name in steps:
        try:
            await step(name)()
        except (Refused, MediaError) as refused:
            told.refused.append((name, str(refused)))
    told.violations = w.violations
    return told

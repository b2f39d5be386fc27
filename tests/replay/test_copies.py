"""The stories of tests/model/test_copies.py, told to the real edges and the real origin: with the guards a machine that has had an
answer since it was copied or put back serves nothing that is fenced; without one it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

import origin.records  # noqa: F401 - before `origin.fenced`, which is a part of it in all but name
from domicile.media.errors import MediaError
from domicile.media.wire import Ack
from edge.tenure import Tenure
from origin.boots import Handed, Showing
from origin.fenced import Instance, Leases
from tests.model import copies
from tests.model.test_copies import BROKEN
from tests.model.test_copies import told as found
from tests.replay.loop import Loop, run
from tests.replay.slips import Slip
from tests.replay.stories import PICTURE, Story, Told
from tests.replay.world import Refused, Snapshot, World, world

TICK_SECONDS = 15.5
"""Two of them are longer than the wait for a lease, one is not."""


def used_is_taken(patch: pytest.MonkeyPatch) -> None:
    real = Handed.judge
    patch.setattr(
        Handed, "judge", lambda one, nonce: Showing.AGAIN if real(one, nonce) is Showing.AGAIN else Showing.NEXT
    )


def no_doubt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Instance, "doubted_until", property(lambda _: float("-inf")))


def acks_show_nothing(patch: pytest.MonkeyPatch) -> None:
    real = Leases.ack

    def ack(leases: Leases, ack: Ack) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Handed, "judge", lambda *_: Showing.NEXT)
            real(leases, ack)

    patch.setattr(Leases, "ack", ack)


def former_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leases, "_left_of_former", lambda *_: copies.LEASE * 3600.0)
    real = Tenure.accept

    async def accept(tenure: Tenure, asked: object) -> None:
        deadline = tenure._page.lease_deadline_ns
        await real(tenure, asked)  # type: ignore[arg-type]
        tenure._page.lease_deadline_ns = max(tenure._page.lease_deadline_ns, deadline)

    patch.setattr(Tenure, "accept", accept)


def no_nonces(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Handed, "judge", lambda *_: Showing.NEXT)
    former_goes_on(patch)


WITHOUT: dict[str, Slip] = {
    "nobody shows a nonce": no_nonces,
    "a nonce that was used is taken": used_is_taken,
    "acks count although a nonce was shown twice": no_doubt,
    "acks show no nonce": acks_show_nothing,
    "the lease before goes on by a clock that stood still": former_goes_on,
}
"""By the names of BROKEN."""


@dataclass(slots=True)
class TwoMachines:
    """a is the edge, and b is what its copy is made of. In the model a is also what was put back; here that is b."""

    w: World
    names: dict[str, str] = field(default_factory=lambda: {"a": "a", "b": "b"})
    taken: Snapshot | None = None
    story: Story = field(init=False)

    def __post_init__(self) -> None:
        self.story = Story(self.w, tick_seconds=TICK_SECONDS)

    async def begin(self) -> None:
        """Both have the picture in memory; b has it under a lease of its own, and stands still until it is the copy."""
        await self.w.lease("a")
        await self.w.fetch("a", PICTURE)
        await self.w.copy("a", "b")
        await self.w.lease("b")
        await self.w.fetch("b", PICTURE)
        self.w.freeze("b")

    async def step(self, name: str) -> None:
        machine, _, what = name.partition(": ")
        edge = self.names.get(machine, "")
        match what or name:
            case "snapshot":
                self.taken = self.w.snapshot("a")
            case "put back" | "copy":
                assert self.taken is not None
                self.w.go_on("b", self.taken)
                if name == "put back":
                    await self.w.nodes["a"].crash()
                    self.names = {"a": "b"}
            case "erase" | "fenced" | "tick":
                await self.story.step(name)()
            case "renew":
                await self.w.ask_for_lease(edge)
                await self.w.let_there_and_back(self.w.nodes[edge].line, "lease")
                await self.w.loop.settle()
            case "apply the entry":
                await self.w.apply(edge)
            case "ack":
                await self.w.deliver_acks(edge)
            case "a serves" | "b serves":
                viewer = await self.w.fetch(self.names[name[0]], PICTURE)
                if viewer.status != 200:
                    raise Refused(f"answered {viewer.status}")
            case other:
                raise AssertionError(other)


def told(steps: Sequence[str], slips: Iterable[Slip], patch: pytest.MonkeyPatch) -> Told:
    print("\n" + " > ".join(steps))
    for slip in slips:
        slip(patch)

    async def tell(loop: Loop) -> Told:
        async with world(loop) as w:
            machines, said = TwoMachines(w), Told()
            await machines.begin()
            for name in steps:
                try:
                    await machines.step(name)
                except (Refused, MediaError) as refused:
                    said.refused.append((name, str(refused)))
            said.violations = w.violations
            return said

    said = run(tell)
    print(said)
    return said


@pytest.mark.parametrize("name", BROKEN)
def test_the_real_code_refuses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(found(**BROKEN[name][0]).story, (), monkeypatch)
    assert not said.violations
    assert said.refused


@pytest.mark.parametrize("name", BROKEN)
def test_without_the_guard_it_goes_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(found(**BROKEN[name][0]).story, (WITHOUT[name],), monkeypatch).violations


def test_what_is_left_is_what_is_said_to_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its first answer it serves. A wall clock that is told the time ends that."""
    story = found(window=False).story
    assert told(story, (), monkeypatch).violations

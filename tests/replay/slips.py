"""The guards of the real code, taken away one at a time, each by the name that the model has for it (tests/model)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import origin.records  # noqa: F401 - before `origin.fenced`, which is a part of it in all but name
from domicile.media.asset import Aid
from domicile.media.journal import Fence
from domicile.media.wire import LeaseAnswer
from edge import agent_process, tenure
from edge.agent import Agent
from edge.keyring import Keyring
from edge.lease import deadline_ns
from edge.members import Members
from edge.messages import KeyRecord
from edge.nodedb import Known, NodeDb
from edge.store.files import Files
from edge.tenure import Asked
from origin import cdn_steps, fenced
from origin.continuity import Continuity
from origin.fenced import Instance
from origin.journal_reading import read_heads
from origin.mirror import Mirror
from origin.records import cdn_purges, edges, recovery
from origin.records.types import FencedState, Fencing
from tests.replay.node import PlayedNode

Slip = Callable[[pytest.MonkeyPatch], None]


# --- lease ----------------------------------------------------------------------------------------------------------------


def serves_under_lease(patch: pytest.MonkeyPatch) -> None:
    """A worker never sees the end of its lease."""
    patch.setattr(PlayedNode, "worker_now_ns", lambda _: 0)


def waits_for_unreachable(patch: pytest.MonkeyPatch) -> None:
    """The origin takes whoever has not acked for silent."""
    patch.setattr(Instance, "silent_from", lambda *_: float("-inf"))


def lease_from_send(patch: pytest.MonkeyPatch) -> None:
    async def asked(agent: Agent) -> Asked:
        cursors = {name: tenant.cursor for name, tenant in agent._node.tenants.items()}
        answer: LeaseAnswer = await agent._wire.lease(agent._request())
        agent._page.nonce, ahead_ns = answer.nonce, agent.tenure.wall_ahead_ns()
        now_ns, boot = agent._page.now_ns(), agent.starts.identity.boot
        return Asked(sent_ns=now_ns, cursors=cursors, answer=answer, boot=boot, wall_ahead_ns=ahead_ns)

    patch.setattr(Agent, "_ask", asked)


def margin(patch: pytest.MonkeyPatch) -> None:
    """At the origin, and the edge's own."""
    patch.setattr(fenced, "CLOCK_DRIFT", 0.0)
    patch.setattr(fenced, "CLOCK_MARGIN_SECONDS", 0.0)
    patch.setattr(tenure, "deadline_ns", partial(deadline_ns, drift=0.0))


def head_at_grant(patch: pytest.MonkeyPatch) -> None:
    """Heads are those of the first grant; and nobody compares them with the mirror."""
    real, first = read_heads, dict[str, Any]()

    async def old_heads(connection: Any) -> Any:
        first.update({name: head for name, head in (await real(connection)).items() if name not in first})
        return dict(first)

    patch.setattr(edges, "read_heads", old_heads)
    patch.setattr(Continuity, "check", lambda *_: None)


# --- fence ----------------------------------------------------------------------------------------------------------------


def checks(patch: pytest.MonkeyPatch) -> None:
    """Neither when a copy comes in nor when it goes out."""
    patch.setattr(Fence, "fresh", lambda *_: True)


def floor(patch: pytest.MonkeyPatch) -> None:
    real = Fence.fresh

    def fresh(fence: Fence, *asked: Any) -> bool:
        kept, fence.floor = fence.floor, 0
        try:
            return real(fence, *asked)
        finally:
            fence.floor = kept

    patch.setattr(Fence, "fresh", fresh)


def record(patch: pytest.MonkeyPatch) -> None:
    """A copy is judged by the floor alone."""
    patch.setattr(Fence, "fresh", lambda fence, g, *_: g >= fence.floor)


def ack_after_writes(patch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: object) -> None:
        return None

    patch.setattr(Members, "drained", at_once)


# --- disk and keys --------------------------------------------------------------------------------------------------------


def durable_before_ack(patch: pytest.MonkeyPatch) -> None:
    """What a crash finds is the cursor, and neither the records of the fence nor the deletion of the files."""
    real = NodeDb.load

    async def load(db: NodeDb) -> list[Known]:
        bare = [
            replace(one, fence=Fence(applied=one.fence.applied, floor=one.fence.floor, epoch=one.fence.epoch))
            for one in await real(db)
        ]
        return bare

    patch.setattr(NodeDb, "load", load)
    patch.setattr(Files, "unlink", lambda *_: 0)


def key_gate(patch: pytest.MonkeyPatch) -> None:
    """Keys lie on the disk."""
    on_disk: dict[str, KeyRecord] = {}

    class Kept(Keyring):
        def get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
            return super().get(file_name, is_use=is_use) or on_disk.get(file_name)

        def put(self, file_name: str, record: KeyRecord) -> None:
            super().put(file_name, record)
            on_disk[file_name] = record

    patch.setattr(agent_process, "Keyring", Kept)


def restore_without_key(patch: pytest.MonkeyPatch) -> None:
    """The keyring comes back (see the story), and nothing that the mirror knows is erased again."""

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    def nobody(_: Mirror) -> Iterable[tuple[Aid, str]]:
        return ()

    patch.setattr(Mirror, "erased", nobody)
    patch.setattr(recovery, "_erase_again", nothing)


# --- CDN ------------------------------------------------------------------------------------------------------------------


def purges_after_fence(patch: pytest.MonkeyPatch) -> None:
    """A CDN is told as soon as the entry is there, and it is over then."""
    real = cdn_purges.CdnPurges.fence
    over = FencedState(state=Fencing.FENCED, acked=0, suspended=0, waiting=0, seconds_left_max=0.0)

    async def fence(purges: cdn_purges.CdnPurges) -> int:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(fenced.Leases, "state", lambda *_: over)
            return await real(purges)

    patch.setattr(cdn_purges.CdnPurges, "fence", fence)
    purges_after_transit(patch)


def purges_after_transit(patch: pytest.MonkeyPatch) -> None:
    """The second purge waits for nothing."""
    real = cdn_steps.answered

    def answered(standing: Any, verdict: Any, times: cdn_steps.Times, *, now: float) -> Any:
        return real(standing, verdict, replace(times, in_flight=0.0), now=now)

    patch.setattr(cdn_steps, "answered", answered)

"""A worker asks its agent: answers find their calls, an agent that is away is told apart from an empty answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from domicile.media.errors import BadRequest, Overloaded, UpstreamUnavailable
from domicile.media.journal import FenceState
from domicile.media.wire import PurgeRelay, Relayed
from edge import messages
from edge import register as register_module
from edge.desk import Desk
from edge.frames import Frames, Torn
from edge.link import NodeLink
from edge.members import Members
from edge.messages import NodeStatus
from edge.settings import EdgeSettings
from tests.unit.edge.nodes import HEAD, HOME, AgentSide, agent_side, lease, stored

SECONDS_MAX = 10.0


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not true():
            await asyncio.sleep(0.002)


def desk_of(side: AgentSide) -> Desk:
    async def relay(_: PurgeRelay) -> Relayed:
        raise Overloaded("Too many purge calls")

    async def discover() -> bool:
        return side.tenure.knows_all

    def status() -> NodeStatus:
        raise AssertionError("nobody asks")

    async def renew() -> None:
        raise BadRequest("edge.region changed")

    return Desk(
        side.node, Members(side.page), side.register, relay=relay, report=lambda _: None,
        discover=discover, scrape=lambda: b"numbers", status=status, renew=renew,
    )  # fmt: skip


@asynccontextmanager
async def desk(side: AgentSide, settings: EdgeSettings) -> AsyncIterator[None]:
    serving = asyncio.get_running_loop().create_task(desk_of(side).serve(settings.agent_socket))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
def settings(tmp_path: Path) -> EdgeSettings:
    return EdgeSettings(region=HOME, workers=1, data_dir=tmp_path, run_dir=tmp_path)


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[AgentSide]:
    async with agent_side(tmp_path) as opened:
        for name in ("demo", "other"):
            opened.node.adopt(name, HEAD)
            opened.node.grant(lease(name), home=HOME)
        opened.node.adopt("later", HEAD)
        opened.page.lease_deadline_ns = 2**62
        await opened.register.start()
        yield opened


async def test_a_snapshot_comes_a_tenant_a_frame_and_then_events_in_order(
    side: AgentSide, settings: EdgeSettings
) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: link.applied == side.page.applied)
        assert (set(link.tenants), link.waiting) == ({"demo", "other"}, {"later"})
        side.node.grant(lease("later"), home=HOME)
        side.node.withdraw("other")
        await until(lambda: link.applied == side.page.applied)
        assert (set(link.tenants), link.waiting, link.slot.applied) == ({"demo", "later"}, set(), side.page.applied)


async def test_all_fences_together_may_be_larger_than_one_frame(
    side: AgentSide, settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("demo", "other"):
        tenant = side.node.tenants[name]
        marks = tuple((f"{at:032x}", 1) for at in range(100))
        state = FenceState(applied=10, floor=10, epoch=1, config_revision=0, all=0, marks=marks)
        tenant.fence = type(tenant.fence).restored(state)
    monkeypatch.setattr("edge.frames.FRAME_BYTES_MAX", 6000)  # one of these fences fits, two do not
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: link.applied == side.page.applied)
        assert set(link.tenants) == {"demo", "other"}


async def listed(link: NodeLink) -> list[messages.StoredObject]:
    return [row async for rows in link.object_pages(0) for row in rows]


async def test_an_agent_that_is_away_is_no_empty_list_of_objects(side: AgentSide, settings: EdgeSettings) -> None:
    side.register.store(stored("a"))
    async with NodeLink.open(settings, slot=0, boot=3) as link:
        with pytest.raises(UpstreamUnavailable):
            await listed(link)
        async with desk(side, settings):
            await until(lambda: bool(link.applied))
            assert [row.file_name for row in await listed(link)] == ["a"]
        link._channel.hang_up()
        await until(lambda: link._channel._frames is None)
        with pytest.raises(UpstreamUnavailable):
            await listed(link)


async def test_a_list_that_breaks_off_in_the_middle_is_no_list(
    side: AgentSide, settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        side.register.store(stored(name))
    monkeypatch.setattr(register_module, "OBJECTS_PAGE_MAX", 2)
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: bool(link.applied))
        assert [row.file_name for row in await listed(link)] == list("abcd")
        page = side.register.page

        async def breaks(slot: int, after: str) -> messages.Objects:
            if after:
                raise Overloaded("full")
            return await page(slot, after)

        monkeypatch.setattr(side.register, "page", breaks)
        with pytest.raises(Overloaded):
            await listed(link)


async def test_what_the_agent_refuses_arrives_as_the_same_error(side: AgentSide, settings: EdgeSettings) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: bool(link.applied))
        with pytest.raises(Overloaded, match="Too many purge calls"):
            await link.relay_purge(relay_of())
        assert await link.metrics_text() == b"numbers"


def relay_of() -> PurgeRelay:
    return PurgeRelay(node="", region=HOME, method="POST", authority="a", path="/", query="", headers=(), body=b"")


async def test_keys_are_given_and_taken_through_the_agent(side: AgentSide, settings: EdgeSettings) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: bool(link.applied))
        assert await link.stored(stored("a"))
        assert not await link.stored(stored("b", sequence=1))
        found = await link.keyring_get("a")
        assert found is not None
        assert found.content_key == b"key of a"
        await link.forget(["a"])
        assert await link.keyring_get("a") is None


async def test_a_call_in_the_moment_in_which_the_connection_ends_finds_the_agent_away(
    side: AgentSide, settings: EdgeSettings
) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: bool(link.applied))
        await link.stored(stored("a"))
        link._channel.hang_up()  # and nobody has noticed yet
        assert link._channel._frames is not None
        assert await link.keyring_get("a") is None


def test_a_closed_connection_says_so_on_every_loop() -> None:
    """uvloop refuses to write to a handle that is gone, where asyncio takes the bytes and drops them."""

    async def write() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        frames: Frames[int, int] = Frames(reader, writer, int)
        theirs.close()
        frames.close()
        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(Torn):
            frames.send_soon(1)

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(write())


async def test_a_worker_may_not_join_in_the_slot_of_another(side: AgentSide, settings: EdgeSettings) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: bool(link.applied))
        stranger = NodeLink(settings, link.page, slot=0, boot=99)
        running = asyncio.get_running_loop().create_task(stranger._channel.run())
        for _ in range(50):
            await asyncio.sleep(0.002)
        running.cancel()
        await asyncio.wait([running])
        assert stranger.applied == 0


async def test_a_worker_goes_on_where_it_was_when_the_connection_breaks(
    side: AgentSide, settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(side, settings), NodeLink.open(settings, slot=0, boot=3) as link:
        await until(lambda: link.applied == side.page.applied)
        monkeypatch.setattr(side.node, "snapshot", None)  # it is not needed
        link._channel.hang_up()
        side.node.withdraw("other")
        await until(lambda: link.applied == side.page.applied)
        assert set(link.tenants) == {"demo"}

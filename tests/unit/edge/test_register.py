"""Which files a node holds: nothing fenced, counted by names, and a full disk only costs rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from edge import register as module
from edge.nodedb import NoRoom
from tests.unit.edge.journals import chained
from tests.unit.edge.nodes import HEAD, HOME, AgentSide, agent_side, lease, stored


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[AgentSide]:
    async with agent_side(tmp_path, objects_max=3) as opened:
        opened.node.adopt("demo", HEAD)
        opened.node.grant(lease(), home=HOME)
        await opened.register.start()
        yield opened


async def test_a_name_that_is_stored_again_counts_once(side: AgentSide) -> None:
    for _ in range(10):
        assert side.register.store(stored("a"))
        await side.register.flush()
    assert side.register.count == 1
    assert side.register.store(stored("b"))
    assert side.register.store(stored("c"))
    await side.register.flush()
    assert side.register.count == 3


async def test_a_full_register_takes_nothing_more_until_something_is_forgotten(side: AgentSide) -> None:
    assert all(side.register.store(stored(name)) for name in "abc")
    assert not side.register.store(stored("d"))
    await side.register.flush()
    assert not side.register.store(stored("d"))
    side.register.forget(("a", "never there"))
    await side.register.flush()
    assert side.register.count == 2
    assert side.register.store(stored("d"))


async def test_above_what_may_wait_for_the_disk_nothing_is_stored(
    side: AgentSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 1)
    assert side.register.store(stored("a"))
    assert not side.register.store(stored("b"))


async def test_what_the_fence_forbids_is_not_registered(side: AgentSide) -> None:
    (entry,) = chained(HEAD, (Kind.ASSET, ("a" * 32,)))
    side.node.apply(entry)
    assert not side.register.store(stored("a", sequence=10))
    assert side.register.store(stored("a", sequence=11))
    assert not side.register.store(stored("b", aid="b", epoch=0, sequence=11))


async def test_without_a_grant_nothing_is_registered(side: AgentSide) -> None:
    side.node.lock()
    assert not side.register.store(stored("a"))
    assert not side.register.store(stored("b", tenant="stranger"))


async def test_a_key_is_there_at_once_and_the_row_after_the_flush(side: AgentSide) -> None:
    side.register.store(stored("a"))
    key = side.register.key_of("a")
    assert key is not None
    assert key.content_key == b"key of a"
    assert await side.db.objects("", 10) == []
    await side.register.flush()
    assert [row.file_name for row in await side.db.objects("", 10)] == ["a"]
    side.register.forget(("a",))
    assert side.register.key_of("a") is None


async def test_a_worker_is_told_of_its_own_objects_and_fenced_ones_are_forgotten(side: AgentSide) -> None:
    side.register.store(stored("a"))
    side.register.store(stored("b", aid="b"))
    (entry,) = chained(HEAD, (Kind.ASSET, ("a" * 32,)))
    side.node.apply(entry)
    page = await side.register.page(0, "")
    assert ([row.file_name for row in page.objects], page.after) == (["b"], "")
    await side.register.flush()
    assert side.register.count == 1


async def test_a_full_disk_costs_rows_and_nothing_else(side: AgentSide, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise NoRoom("full")

    side.register.store(stored("a"))
    with monkeypatch.context() as patched:
        patched.setattr(side.db, "change_objects", full)
        await side.register.flush()
    assert side.register.count == 0
    assert side.register.key_of("a") is not None  # it is served from where it is
    assert side.register.store(stored("b"))
    await side.register.flush()
    assert [row.file_name for row in await side.db.objects("", 10)] == ["b"]

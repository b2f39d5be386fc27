"""Whose turn it is, and of which commits it is asked whether they have happened. With a server: tests/integration/test_catalogue_server.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from domicile.media.journal import Entry, Kind
from origin.doubts import Doubt, Doubts

TURNS = 5
"""Of the event loop: more than it takes to enter what is free."""


def doubts(*, is_sqlite: bool) -> Doubts:
    database: Any = SimpleNamespace(is_sqlite=is_sqlite)
    return Doubts(database)


async def follow() -> None:
    pass


@pytest.mark.parametrize("is_sqlite", [False, True])
def test_a_commit_that_failed_may_have_happened_on_a_server_only(*, is_sqlite: bool) -> None:
    noted = doubts(is_sqlite=is_sqlite)
    noted.note(Doubt(entry=Entry(tenant="acme", epoch=1, seq=1, kind=Kind.ASSET), follow=follow))
    assert (noted.has("acme"), noted.has("other")) == (not is_sqlite, False)


async def test_on_a_server_a_tenant_has_one_change_at_a_time_and_waits_for_no_other_tenant() -> None:
    turns, begun = doubts(is_sqlite=False), list[str]()

    async def change(tenant: str) -> None:
        async with turns.turn(tenant):
            begun.append(tenant)

    async with asyncio.TaskGroup() as group, turns.turn("acme"):
        for tenant in ("acme", "other"):
            group.create_task(change(tenant))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert begun == ["other"]
    assert begun == ["other", "acme"]

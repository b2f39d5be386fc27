"""A fill's work is cut into pieces with the loop running between: a hit waits for one piece at most, and not for a fill.

Held by structure and not by time: between these steps the loop has gone round.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge import render
from edge.fill import Filler
from edge.flight import Fill
from edge.store.disk import DiskStore
from edge.store.memory import MemoryStore
from edge.upstream import Upstream
from tests.infra.turns import counted_turns
from tests.unit.edge.rig import PlayedPool, Rig

APART = (("resolved", "planned"), ("rendered", "hashed"), ("settled", "written"))
"""A played decoder takes no time between what is planned and what is rendered; a real one is waited for."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"base")
        yield opened


async def test_others_have_their_turn_between_the_steps_of_a_fill(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.get("/demo/image/upload/w_10/v1/pic.png")  # the next one need not wait for the original
    seen: dict[str, int] = {}

    def noted(where: object, name: str, step: str, *, after: bool = False) -> None:
        real: Any = getattr(where, name)

        async def awaited(*given: Any, **named: Any) -> Any:
            if not after:
                seen[step] = now()
            done = await real(*given, **named)
            if after:
                seen[step] = now()
            return done

        def called(*given: Any, **named: Any) -> Any:
            seen.setdefault(step, now())
            return real(*given, **named)

        monkeypatch.setattr(where, name, called if name in {"pixels_of", "settle"} else awaited)

    noted(Upstream, "resolve", "resolved", after=True)
    noted(render, "pixels_of", "planned")
    noted(PlayedPool, "render", "rendered", after=True)
    noted(render, "digest_of", "hashed")
    noted(Fill, "settle", "settled")
    noted(Filler, "_on_disk", "written")
    with counted_turns() as now:
        assert (await rig.get("/demo/image/upload/w_11/v1/pic.png")).body == b"base|w_11|"
        while "written" not in seen:
            await rig.get("/healthz")
    assert all(seen[earlier] < seen[later] for earlier, later in APART), seen


async def test_nothing_is_awaited_between_the_look_at_the_fence_and_the_place_in_memory(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    puts: list[tuple[int, int]] = []
    fresh, put = type(rig.parts.tiers.lookup).is_fresh, MemoryStore.put

    def looked(*given: Any) -> Any:
        looks.append(now())
        return fresh(*given)

    def kept(*given: Any) -> Any:
        puts.append((looks[-1], now()))
        return put(*given)

    monkeypatch.setattr(type(rig.parts.tiers.lookup), "is_fresh", looked)
    monkeypatch.setattr(MemoryStore, "put", kept)
    with counted_turns() as now:
        await rig.get("/demo/image/upload/w_10/v1/pic.png")
    assert puts
    assert all(look == put for look, put in puts)


async def test_no_file_of_an_earlier_process_is_looked_for_once_all_are_known(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = rig.parts.tiers.lookup.disk
    assert disk is not None
    opened: list[str] = []

    async def open_with(self: DiskStore, file_name: str, *_: Any, **__: Any) -> None:
        opened.append(file_name)

    monkeypatch.setattr(DiskStore, "open_with", open_with)
    await rig.get("/demo/image/upload/w_10/v1/pic.png")
    assert len(opened) == 1
    disk.is_stocked = True
    await rig.get("/demo/image/upload/w_11/v1/pic.png")
    assert len(opened) == 1

"""Paths that can be read in several ways, whose readings give different rights or come into being in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from domicile.media.wire import ResolveAnswer, ResolveRequest, WireError
from tests.unit.edge.rig import Rig, hash_of


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_who_was_let_pass_for_a_rendition_is_not_let_pass_for_an_original(rig: Rig) -> None:
    """The path is a rendition of one picture first, and without that one it is the original of another."""
    rig.origin.upload("w_10/pic", b"secret", delivery_type="private")
    rig.origin.upload("pic", b"shown", delivery_type="private")
    assert (await rig.get("/demo/image/private/w_10/pic.png")).status == 200
    gone = rig.origin.assets.pop("private/pic")
    await rig.entry(Kind.ASSET, aids=(gone.aid,), names=(hash_of("pic", delivery_type="private"),))
    signed = await rig.get("/demo/image/private/s--goodsign--/w_10/pic.png")
    assert (signed.status, b"secret" in signed.body) == (200, True)
    unsigned = await rig.get("/demo/image/private/w_10/pic.png")
    assert (unsigned.status, unsigned.body) == (401, b"")


async def test_an_earlier_reading_that_comes_between_both_questions_is_not_outrun(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is of a time before it, the second of a time after it: the smaller number counts."""
    path = "/demo/image/upload/w_10/pic.png"
    rig.origin.upload("w_10/pic", b"later")
    inner = rig.origin._answer

    def answer(asked: ResolveRequest) -> ResolveAnswer | WireError:
        found = inner(asked)
        if len(asked.public_ids) > 1 and "upload/pic" not in rig.origin.assets:
            rig.origin.upload("pic", b"first")
            rig.origin.sequence += 1
        return found

    monkeypatch.setattr(rig.origin, "_answer", answer)
    held = rig.origin.head_gate
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(path))
        await asyncio.wait_for(held.reached.wait(), 2)
        rig.origin.sequence -= 1
        await rig.entry(Kind.NAME, names=(hash_of("pic"),))
        held.open()
    assert early.result().body.startswith(b"first")
    assert (await rig.get(path)).body.startswith(b"first")

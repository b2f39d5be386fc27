"""Purge against everything that could bring old bytes back: the matrix of kinds and moments, and not one resurrection.

    kinds      what a purge is by the time an edge hears of it: of a URL (one asset), a tag or a prefix (several, by version
               and name), a cloud (everything); how a target becomes one is the origin's (`tests/unit/origin`, `tests/e2e`)
    moments    of a fill, of a copy that is kept, of a copy too old that is fetched anew, of a place that lags, of a restart

There is nothing like stale-while-revalidate here: while a copy too old is fetched anew nobody is given it. Real workers, and
what another one of them does, are in `tests/unit/edge/test_owner.py`, `test_delivery` and `tests/e2e/test_purge.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Entry, Fence, Kind
from edge.store.port import StoredHead
from tests.unit.edge.rig import CLOUD, Gate, Got, PlayedOrigin, Rig, hash_of

KINDS = {
    "url": ("by-url",),
    "tag": ("tagged-one", "tagged-two"),
    "prefix": ("folder/one", "folder/two"),
    "cloud": ("any-one", "folder/any-two"),
}
SECONDS_MAX = 30.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


def path_of(public_id: str) -> str:
    return f"/demo/image/upload/w_10/v1/{public_id}.png"


def upload(origin: PlayedOrigin, kind: str) -> None:
    for public_id in KINDS[kind]:
        origin.upload(public_id, b"old")


async def everything(rig: Rig, kind: str) -> list[Got]:
    return list(await asyncio.gather(*(rig.get(path_of(public_id)) for public_id in KINDS[kind])))


def change(origin: PlayedOrigin, kind: str) -> Entry:
    """Other bytes are there, and this is the entry that tells edges to forget the old ones."""
    assets = [origin.rewrite(public_id, b"new") for public_id in KINDS[kind]]
    origin.sequence += 1
    if kind == "cloud":
        return Entry(tenant=CLOUD, epoch=1, seq=origin.sequence, kind=Kind.ALL)
    names = tuple(hash_of(public_id) for public_id in KINDS[kind])
    aids = tuple(asset.aid for asset in assets)
    return Entry(tenant=CLOUD, epoch=1, seq=origin.sequence, kind=Kind.ASSET, aids=aids, names=names)


async def all_is_new(rig: Rig, kind: str, *, sizes: int = 1) -> None:
    """Whatever is asked, and from whichever tier: made, from memory, hot, and from disk."""
    for _ in range(3):
        assert {got.body for got in await everything(rig, kind)} == {b"new|w_10|"}
    await on_disk(rig, kind, sizes=sizes)
    rig.parts.app.hot.clear()
    rig.parts.tiers.lookup.memory.clear()
    assert {(got.body, got.cache) for got in await everything(rig, kind)} == {(b"new|w_10|", "hit")}


async def on_disk(rig: Rig, kind: str, *, sizes: int = 1) -> None:
    """What was read last is written, in so many sizes."""
    async with asyncio.timeout(SECONDS_MAX):
        while sum(one.sequence == rig.origin.sequence for one in rig.link.records.values()) < sizes * len(KINDS[kind]):
            await asyncio.sleep(0.005)


async def early(rig: Rig, kind: str, gate: Gate) -> list[asyncio.Task[Got]]:
    """Who asked before the purge, and stands at this gate."""
    gate.close()
    asked = [asyncio.ensure_future(rig.get(path_of(public_id))) for public_id in KINDS[kind]]
    await asyncio.wait_for(gate.reached.wait(), SECONDS_MAX)
    return asked


@pytest.mark.parametrize(
    "moment", ["before the answer", "before the head", "in the body", "in the making", "in the writing"]
)
async def test_in_a_fill(rig: Rig, moment: str) -> None:
    gate = {
        "before the answer": rig.origin.resolve_gate,
        "before the head": rig.origin.head_gate,
        "in the body": rig.origin.body_gate,
        "in the making": rig.pool.gate,
        "in the writing": rig.link.store_gate,
    }[moment]
    for kind in KINDS:
        upload(rig.origin, kind)
        asked = await early(rig, kind, gate)
        await rig.link.apply(change(rig.origin, kind))
        late = asyncio.ensure_future(everything(rig, kind))
        gate.open()
        assert {got.body for got in await late} == {b"new|w_10|"}
        if moment != "in the writing":  # there the old bytes had been handed over before the purge came
            assert {got.body for got in await asyncio.gather(*asked)} == {b"new|w_10|"}
        await asyncio.gather(*asked)
        await all_is_new(rig, kind)
        await rig.entry(Kind.ALL)


@pytest.mark.parametrize("tier", ["memory", "hot", "disk", "original"])
async def test_of_what_is_kept(rig: Rig, tier: str) -> None:
    for kind, public_ids in KINDS.items():
        upload(rig.origin, kind)
        for _ in range(3 if tier == "hot" else 1):
            await everything(rig, kind)
        await on_disk(rig, kind)
        if tier == "disk":
            rig.parts.tiers.lookup.memory.clear()
        await rig.link.apply(change(rig.origin, kind))
        if tier == "original":  # which is kept for a moment, so that another size need not fetch it again
            others = [await rig.get(path_of(public_id).replace("w_10", "w_11")) for public_id in public_ids]
            assert {got.body for got in others} == {b"new|w_11|"}
        await all_is_new(rig, kind, sizes=2 if tier == "original" else 1)
        await rig.entry(Kind.ALL)


@pytest.mark.parametrize("moment", ["before the answer", "in the body", "in the making"])
async def test_while_a_copy_too_old_is_fetched_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    gate = {
        "before the answer": rig.origin.resolve_gate,
        "in the body": rig.origin.body_gate,
        "in the making": rig.pool.gate,
    }[moment]
    too_old: set[float] = set()

    def lifetime(head: StoredHead) -> float:
        return -1.0 if head.stored_at in too_old else 60.0

    lookup = rig.parts.tiers.lookup
    monkeypatch.setattr(lookup, "ttl_seconds", lifetime)
    for kind in KINDS:
        upload(rig.origin, kind)
        await everything(rig, kind)
        await on_disk(rig, kind)
        held = [lookup.memory.get(key) for key in lookup.memory]
        too_old.update(stored.head.stored_at for stored in held if stored is not None)
        rig.parts.app.hot.clear()
        rig.parts.tiers.originals.clear()
        asked = await early(rig, kind, gate)
        assert not any(one.done() for one in asked)  # nobody is given the old copy meanwhile
        await rig.link.apply(change(rig.origin, kind))
        late = asyncio.ensure_future(everything(rig, kind))
        gate.open()
        assert {got.body for got in [*await asyncio.gather(*asked), *await late]} == {b"new|w_10|"}
        await all_is_new(rig, kind)
        await rig.entry(Kind.ALL)


async def test_when_the_place_that_is_asked_has_not_heard_of_it_yet(rig: Rig) -> None:
    for kind in KINDS:
        upload(rig.origin, kind)
        await everything(rig, kind)
        before = dict(rig.origin.assets), rig.origin.sequence
        entry = change(rig.origin, kind)
        after = dict(rig.origin.assets), rig.origin.sequence
        rig.origin.assets, rig.origin.sequence = before  # it answers from before the purge, and says so
        await rig.link.apply(entry)
        assert {(got.status, got.body) for got in await everything(rig, kind)} == {(503, b"")}
        assert list(rig.parts.tiers.lookup.memory) == []
        rig.origin.assets, rig.origin.sequence = after
        await all_is_new(rig, kind)
        await rig.entry(Kind.ALL)


@pytest.mark.parametrize("keys", ["with its keys", "without its keys"])
@pytest.mark.parametrize("kind", list(KINDS))
async def test_over_a_restart(tmp_path: Path, kind: str, keys: str) -> None:
    """The purge comes while no worker runs; what is on the disk is from before it."""
    origin = PlayedOrigin()
    async with Rig.open(tmp_path, origin=origin) as before:
        upload(origin, kind)
        await everything(before, kind)
        await on_disk(before, kind)
        records = dict(before.link.records)
    fence = Fence(applied=1, epoch=1)
    fence.apply(change(origin, kind))
    async with Rig.open(tmp_path, origin=origin, records=records, fence=fence) as after:
        assert len(list(after.settings.cache_path.glob("??/*"))) == len(KINDS[kind])
        if keys == "without its keys":
            after.link.records.clear()
        await all_is_new(after, kind)

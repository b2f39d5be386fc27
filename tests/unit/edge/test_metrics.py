"""Every number that a worker counts moves when its event happens, and by one. A member without a scenario here fails."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from domicile.media import keys
from domicile.media.errors import Overloaded, UndecodableMedia
from domicile.media.journal import Entry, Kind
from domicile.media.policy import Permit, Place
from domicile.media.sealed import seal
from domicile.media.wire import Rendition, WireError
from domicile.service.gate import cache_files
from domicile.service.gate.peer import PeerClient, PeerGone
from domicile.service.gate.tier import ParentGone, TierClient, TierReply
from domicile.service.line import Line
from domicile.service.log_flood import Flood
from domicile.service.turns import TurnLimits
from edge import listener
from edge.connection_settings import ConnectionSettings
from edge.counters import Counters, totals
from edge.delivery_settings import CacheSettings, DeliverySettings
from edge.link import REPORTS_MAX, NodeLink
from edge.messages import KeyRecord
from edge.metrics import Count
from edge.owner import Owners
from edge.parent import Parent
from edge.render import Order
from edge.store import keeper
from edge.store.disk import DiskStore
from edge.store.room import Space
from edge.tier import Question, TierHead, context_of
from edge.tiers import PoolCounts
from edge.worker import count_withheld
from tests.infra.assets import cached, response
from tests.unit.edge.rig import CLOUD, REGION, Rig, asked_of, hash_of

PATH = "/demo/image/upload/w_10/v1/pic.png"
MIB = 1024 * 1024

Scenario = Callable[[Rig, pytest.MonkeyPatch], Awaitable[None]]
SCENARIOS: dict[Count, Scenario] = {}
CACHES = {
    Count.EVICTED_MEMORY: CacheSettings(ram_bytes_max=256 * 1024, ram_object_bytes_max=200_000, disk_bytes_max=0),
    Count.EVICTED_DISK: CacheSettings(ram_bytes_max=0, disk_bytes_max=160_000),
    Count.NOT_KEPT_STRANGER: CacheSettings(ram_bytes_max=0, disk_bytes_max=160_000),
    Count.SEALS_BROKEN: CacheSettings(ram_bytes_max=0, disk_bytes_max=8 * MIB),
}
"""Where the event needs a cache of its own; the others have room for everything."""
DELIVERIES = {
    Count.SLOW: DeliverySettings(progress_seconds_max=0.3),
    Count.REQUESTS_REFUSED: DeliverySettings(requests_max=1),
    Count.LIMITED: DeliverySettings(tenant_requests_per_second=0.001, tenant_requests_burst=1),
    Count.CONNECTIONS_FULL: DeliverySettings(connections_max=1),
}


CONNECTIONS: dict[Count, ConnectionSettings] = {
    Count.CONNECTIONS_ADDRESS: ConnectionSettings(per_address_max=1, trusted_networks=()),
    Count.HEADS_LATE: ConnectionSettings(header_seconds_max=0.1),
}


def moves(count: Count) -> Callable[[Scenario], Scenario]:
    def note(scenario: Scenario) -> Scenario:
        SCENARIOS[count] = scenario
        return scenario

    return note


def counted(rig: Rig, count: Count) -> float:
    name, _, label = count.partition("|")
    key, _, text = label.partition("=")
    labels = {key: text} if key else {}
    (point,) = (p for p in totals([rig.link.slot.counters]) if (p.name, dict(p.labels)) == (name, labels))
    return point.value


async def files(rig: Rig) -> list[Path]:
    """The cached files, once there is one: an answer does not wait for the disk."""
    async with asyncio.timeout(5):
        while not (found := [file for file in rig.settings.cache_path.glob("??/*") if file.suffix != ".tmp"]):
            await asyncio.sleep(0.002)
    return found


@pytest.mark.parametrize("count", Count)
async def test_the_event_is_counted_once(tmp_path: Path, count: Count, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = CACHES.get(count, CacheSettings(ram_bytes_max=8 * MIB, disk_bytes_max=8 * MIB))
    delivery, connections = DELIVERIES.get(count), CONNECTIONS.get(count)
    async with Rig.open(tmp_path, cache=cache, delivery=delivery, connections=connections) as rig:
        asset = rig.origin.upload("pic", b"the bytes")
        await SCENARIOS[count](rig, monkeypatch)
        expected = len(asset.sealed) if count is Count.ORIGIN_BYTES else 1
        async with asyncio.timeout(5):
            while counted(rig, count) < expected:
                await asyncio.sleep(0.002)
        assert counted(rig, count) == expected


@moves(Count.FILLS_STORED)
@moves(Count.ORIGIN_RESOLVES)
@moves(Count.ORIGIN_BLOBS)
@moves(Count.ORIGIN_BYTES)
async def _a_picture_is_made(rig: Rig, _: pytest.MonkeyPatch) -> None:
    assert (await rig.get(PATH)).status == 200
    assert (await rig.get(PATH)).cache == "hit"


@moves(Count.FILLS_FENCED)
async def _a_purge_comes_while_it_is_made(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.gate.close()
    asked = asyncio.get_running_loop().create_task(rig.get(PATH))
    await asyncio.wait_for(rig.pool.gate.reached.wait(), 5)
    await rig.entry(Kind.ASSET, names=(hash_of("pic"),))
    rig.pool.gate.open()
    assert (await asked).status == 200


@moves(Count.FILLS_FAILED)
async def _it_cannot_be_made(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.error = UndecodableMedia("no picture")
    assert (await rig.get(PATH)).status == 400


@moves(Count.COALESCED)
async def _two_want_the_same(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.gate.close()
    loop = asyncio.get_running_loop()
    both = [loop.create_task(rig.get(PATH))]
    await asyncio.wait_for(rig.pool.gate.reached.wait(), 5)
    deliverer = rig.parts.app.deliverer
    joined = asyncio.Event()
    begin = deliverer.flights.begin

    def seen(*words: Any, **named: Any) -> Any:
        joined.set()
        return begin(*words, **named)

    deliverer.flights.begin = seen  # type: ignore[method-assign]
    both.append(loop.create_task(rig.get(PATH)))
    await asyncio.wait_for(joined.wait(), 5)
    rig.pool.gate.open()
    assert [(await one).status for one in both] == [200, 200]


@moves(Count.FENCED)
async def _a_copy_is_found_that_a_purge_forbids(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await rig.get(PATH)
    await files(rig)
    rig.parts.tiers.lookup.disk = None
    rig.origin.sequence += 1
    entry = Entry(tenant=CLOUD, epoch=1, seq=rig.origin.sequence, kind=Kind.NAME, names=(hash_of("pic"),))
    rig.link.tenants[CLOUD].fence.apply(entry)  # and nobody has dropped anything yet
    assert (await rig.get(PATH)).cache != "hit"


@moves(Count.ABORTED)
async def _a_response_is_open_when_its_object_is_purged(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await rig.get(PATH)
    (stored,) = [rig.parts.tiers.lookup.memory._objects.peek(key) for key in rig.parts.tiers.lookup.memory._objects]
    assert stored is not None
    with rig.parts.tiers.responses.entered(stored.head, None):
        await rig.entry(Kind.ASSET, names=(hash_of("pic"),))


@moves(Count.ENTRIES)
async def _an_entry_is_taken(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await rig.entry(Kind.ASSET, names=(hash_of("pic"),))


@moves(Count.LOCKS)
async def _the_lease_ends(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.link.lease(-1)
    watching = asyncio.get_running_loop().create_task(rig.link._watch())
    async with asyncio.timeout(5):
        while rig.link.tenants:
            await asyncio.sleep(0.002)
    watching.cancel()


@moves(Count.NOT_SERVING)
async def _a_request_comes_without_a_lease(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.link.lease(-1)
    assert (await rig.get(PATH)).status == 503


@moves(Count.ORIGIN_FAILURES)
async def _the_origin_cannot_answer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.origin, "_answer", lambda _: WireError(code="upstream_unavailable", message="no"))
    assert (await rig.get(PATH)).status == 503


@moves(Count.EVICTED_MEMORY)
async def _ram_is_full(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.padding = 100_000
    for width in (10, 11, 12):
        assert (await rig.get(PATH.replace("w_10", f"w_{width}"))).status == 200


@moves(Count.EVICTED_DISK)
async def _the_share_of_the_disk_is_full(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.padding = 100_000
    assert (await rig.get(PATH)).status == 200
    await files(rig)
    for _number in range(2):  # at first it is a stranger
        assert (await rig.get(PATH.replace("w_10", "w_11"))).status == 200


@moves(Count.NOT_KEPT_STRANGER)
async def _it_is_asked_for_the_first_time_and_the_disk_is_full(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.padding = 100_000
    assert (await rig.get(PATH)).status == 200
    await files(rig)
    assert (await rig.get(PATH.replace("w_10", "w_11"))).status == 200


@moves(Count.DISK_WRITES)
async def _it_is_written(rig: Rig, _: pytest.MonkeyPatch) -> None:
    assert (await rig.get(PATH)).status == 200


@moves(Count.NOT_KEPT_FULL)
async def _others_have_filled_the_disk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_disk(rig)._room, "_space", lambda _: Space(free_bytes=0, free_files=0))
    assert (await rig.get(PATH)).status == 200


@moves(Count.NOT_KEPT_FAILING)
async def _the_disk_rests(rig: Rig, _: pytest.MonkeyPatch) -> None:
    _disk(rig).rest.failed()
    assert (await rig.get(PATH)).status == 200


def _disk(rig: Rig) -> DiskStore:
    disk = rig.parts.tiers.lookup.disk
    assert disk is not None
    return disk


def _scrubbed(change: Callable[[Rig, Path], object]) -> Scenario:
    """One file is there, something happens to it, and it is looked over."""

    async def scenario(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        async def no_pause(_: float) -> None:
            await asyncio.sleep(0)

        assert (await rig.get(PATH)).status == 200
        (file,) = await files(rig)
        disk = _disk(rig)
        async with asyncio.timeout(5):
            while not len(disk):
                await asyncio.sleep(0.002)
        change(rig, file)
        monkeypatch.setattr(keeper, "PASS_SECONDS_MIN", 0.0)
        minded = keeper.Keeper(
            disk, may_stay=rig.parts.tiers.lookup.may_stay, scrub_bytes_per_second=1e9, sleep=no_pause
        )
        assert await minded.take_stock()
        await minded._scrub.run()

    return scenario


def _purged(rig: Rig, _: Path) -> None:
    """The fence has it, and nobody has dropped anything yet."""
    rig.origin.sequence += 1
    entry = Entry(tenant=CLOUD, epoch=1, seq=rig.origin.sequence, kind=Kind.NAME, names=(hash_of("pic"),))
    rig.link.tenants[CLOUD].fence.apply(entry)


def _torn(_: Rig, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _without_a_row(rig: Rig, file: Path) -> None:
    disk = _disk(rig)
    disk.index.forget(file.name)
    rig.link.records.clear()
    os.utime(file, (0, 0))


def _replaced(rig: Rig, file: Path) -> None:
    """Its key is of another, until the agent is asked again."""
    get, row = rig.link.keyring_get, rig.link.records[file.name]

    async def newer_first(_: str, *, is_use: bool = True) -> KeyRecord | None:
        rig.link.keyring_get = get  # type: ignore[method-assign]
        return msgspec.structs.replace(row, content_key=b"n" * 32).key_record()

    rig.link.keyring_get = newer_first  # type: ignore[assignment, method-assign]


def _unfinished(_: Rig, file: Path) -> None:
    file.with_name(f"{file.name}.0.0123456789abcdef.tmp").write_bytes(b"half")


SCENARIOS |= {
    Count.SCRUBS: _scrubbed(lambda *_: None),
    Count.SCRUBBED_WHOLE: _scrubbed(lambda *_: None),
    Count.SCRUBBED_KEYLESS: _scrubbed(lambda rig, _: rig.link.records.clear()),
    Count.SCRUBBED_REPLACED: _scrubbed(_replaced),
    Count.SCRUBBED_TORN: _scrubbed(_torn),
    Count.SCRUBBED_STALE: _scrubbed(_purged),
    Count.SCRUBBED_ORPHAN: _scrubbed(_without_a_row),
    Count.SCRUBBED_UNFINISHED: _scrubbed(_unfinished),
    Count.SCRUBBED_MISSING: _scrubbed(lambda _, file: file.unlink()),
}


@moves(Count.DISK_FAILURES)
async def _the_disk_takes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Path:
        raise OSError("broken")

    monkeypatch.setattr(cache_files, "write_temporary", broken)
    assert (await rig.get(PATH)).status == 200


@moves(Count.SEALS_BROKEN)
async def _a_file_was_tampered_with(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await rig.get(PATH)
    (file,) = await files(rig)
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(body)
    assert (await rig.get(PATH)).status == 200


@moves(Count.PEER_FAILURES)
async def _the_owner_is_gone(rig: Rig, _: pytest.MonkeyPatch) -> None:
    class Gone:
        async def ask(self, *_: object) -> None:
            raise PeerGone("gone")

    class Both:
        def live_slots(self) -> tuple[int, ...]:
            return (0, 1)

    deliverer = rig.parts.app.deliverer
    owners = Owners(
        peers=cast("PeerClient", Gone()),
        slot=0,
        slots=Both(),
        lookup=deliverer.lookup,
        permits=deliverer.permits,
        count=rig.link.counters.add,
    )
    deliverer = dataclasses.replace(deliverer, owners=owners)
    for width in range(10, 40):  # one of them belongs to the other slot
        await deliverer.deliver(PATH.replace("w_10", f"w_{width}"), "")
        if counted(rig, Count.PEER_FAILURES):
            return


class _Parent:
    """Says of what this worker has made that it had applied so much when it found it fresh; or says nothing of use."""

    def __init__(self, rig: Rig, *, applied: int | None = None, is_gone: bool = False) -> None:
        self._rig, self._applied, self._is_gone = rig, applied, is_gone

    async def ask(self, _permit: Permit, tenant: str, raw: bytes) -> TierReply:
        if self._is_gone:
            raise ParentGone("gone")
        if self._applied is None:
            return TierReply(status=503, body=b"")
        asset, state = self._rig.origin.assets["upload/pic"], self._rig.link.tenants[tenant]
        (way,) = asked_of(PATH, state).ways
        found = self._rig.parts.app.deliverer.lookup.memory.get(way.key)
        assert found is not None
        assert isinstance(found.body, bytes)
        question = msgspec.msgpack.decode(raw, type=Question)
        said = TierHead(head=found.head, epoch=1, applied=self._applied, age_seconds=0.0)
        context = context_of(question, way.key, state.name_key, found.head, REGION)
        key = keys.content_key({asset.aid: keys.subkey(asset.data_key, "rendition")})
        sealed = seal(key, context, header=msgspec.msgpack.encode(said), body=found.body, salt=bytes(32))
        return TierReply(status=200, body=sealed)


async def _with_parent(rig: Rig, parent: _Parent) -> None:
    deliverer = rig.parts.app.deliverer
    asked, state = asked_of(PATH, rig.link.tenants[CLOUD]), rig.link.tenants[CLOUD]
    resolved = await deliverer.upstream.resolve(asked, state)
    order = Order(
        way=asked.ways[0], resolved=resolved, policy=state.policy, names=asked.ways[0].marks, stands_in=False,
        sequence=resolved.sequence, now=deliverer.wall_clock(),
    )  # fmt: skip
    place = Place(name="parent", region=REGION)
    asker = Parent(
        client=cast("TierClient", parent), place=place, region=REGION, refuses_without=False, retry_seconds=0.0,
        lookup=deliverer.lookup, count=rig.link.counters.add, clock=deliverer.clock, wall_clock=deliverer.wall_clock,
    )  # fmt: skip
    await asker.made(asked, order, state)


@moves(Count.PARENT_TAKEN)
async def _the_parent_has_it(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await rig.get(PATH)
    await _with_parent(rig, _Parent(rig, applied=rig.origin.sequence))


@moves(Count.PARENT_FENCED)
async def _the_parent_has_not_heard_of_a_purge(rig: Rig, _: pytest.MonkeyPatch) -> None:
    before = rig.origin.sequence
    await rig.entry(Kind.ASSET, names=(hash_of("pic"),))
    await rig.get(PATH)
    await _with_parent(rig, _Parent(rig, applied=before))


@moves(Count.PARENT_DECLINED)
async def _the_parent_may_not_serve(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await _with_parent(rig, _Parent(rig))


@moves(Count.PARENT_FAILED)
async def _the_parent_is_gone(rig: Rig, _: pytest.MonkeyPatch) -> None:
    await _with_parent(rig, _Parent(rig, is_gone=True))


@moves(Count.SLOW)
async def _a_viewer_takes_nothing(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.padding = 16 * MIB
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1024)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(5):
        while not counted(rig, Count.SLOW):
            await asyncio.sleep(0.01)
    writer.close()


@moves(Count.REQUESTS_REFUSED)
async def _there_are_more_requests_than_a_worker_takes(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.pool.gate.close()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(PATH))
        async with asyncio.timeout(5):
            while rig.parts.app.in_progress.count < 1:
                await asyncio.sleep(0.01)
        assert (await rig.get(PATH)).status == 503
        rig.pool.gate.open()
    assert waiting.result().status == 200


def _line(rig: Rig, **limits: int) -> Line:
    bounds = {"turns": 1, "cost_max": 1, "waiting_max": 1, "waiting_tenant_max": 1, **limits}
    observer = PoolCounts(Counters(rig.link.slot.counters))
    return Line(TurnLimits(**bounds), seconds_max=0.05, complaint="", observer=observer)


async def _turned_away(line: Line, tenant: str) -> None:
    with contextlib.suppress(Overloaded):
        async with line.turn(tenant):
            pass


@moves(Count.TURNED_AWAY_TENANT)
async def _a_cloud_has_too_many_jobs(rig: Rig, _: pytest.MonkeyPatch) -> None:
    line = _line(rig, waiting_tenant_max=0)
    async with line.turn(CLOUD):
        await _turned_away(line, CLOUD)


@moves(Count.TURNED_AWAY_FULL)
async def _there_are_too_many_jobs(rig: Rig, _: pytest.MonkeyPatch) -> None:
    line = _line(rig, waiting_max=0)
    async with line.turn(CLOUD):
        await _turned_away(line, "other")


@moves(Count.TURNED_AWAY_LATE)
async def _a_job_waits_too_long(rig: Rig, _: pytest.MonkeyPatch) -> None:
    line = _line(rig)
    async with line.turn(CLOUD):
        await _turned_away(line, "other")


@moves(Count.TURNED_AWAY_DISPLACED)
async def _a_job_loses_its_place(rig: Rig, _: pytest.MonkeyPatch) -> None:
    line = _line(rig, waiting_max=2, waiting_tenant_max=2)
    async with asyncio.TaskGroup() as group, line.turn(CLOUD):
        for tenant in (CLOUD, CLOUD, "other"):
            group.create_task(_turned_away(line, tenant))
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@moves(Count.LIMITED)
async def _a_cloud_is_asked_for_too_often(rig: Rig, _: pytest.MonkeyPatch) -> None:
    assert [(await rig.get(PATH)).status for _ in range(2)] == [200, 429]


@moves(Count.CONNECTIONS_FULL)
@moves(Count.CONNECTIONS_ADDRESS)
async def _a_connection_is_one_too_many(rig: Rig, _: pytest.MonkeyPatch) -> None:
    (_reader, kept), (reader, writer) = [await asyncio.open_connection("127.0.0.1", rig.port) for _number in range(2)]
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    for one in (kept, writer):
        one.close()


@moves(Count.HEADS_LATE)
async def _a_head_does_not_end(rig: Rig, _: pytest.MonkeyPatch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(b"GET / HT")
    assert b" 408 " in await asyncio.wait_for(reader.read(), 5)
    writer.close()


@moves(Count.BODIES_LATE)
async def _a_body_does_not_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LINGER_SECONDS", 0.05)
    directory = rig.settings.data_dir / "assets"
    async with cached(directory, counters=rig.counters, request_body_seconds_max=0.1) as cache:
        viewer = await cache.viewer()
        viewer.send("/b", "POST", b"", Content_Length="5")
        assert (await viewer.answer()).status == 408
        viewer.close()


@moves(Count.LINES_WITHHELD)
async def _a_line_is_too_many(rig: Rig, _: pytest.MonkeyPatch) -> None:
    flood = Flood(lines_per_second_max=1, clock=lambda: 0.0)
    assert [flood.admit("event") for _ in range(2)] == [0, None]
    counting = asyncio.create_task(count_withheld(flood, rig.counters))
    await asyncio.sleep(0)
    counting.cancel()


@moves(Count.HOT)
async def _the_same_is_asked_for_again(rig: Rig, _: pytest.MonkeyPatch) -> None:
    for _number in range(3):  # made, found in RAM, and then hot
        await rig.get(PATH)
    counting = asyncio.create_task(rig.parts.tiers.count())
    await asyncio.sleep(0)
    counting.cancel()


@moves(Count.REPORTS_DROPPED)
async def _more_is_made_than_can_be_reported(rig: Rig, _: pytest.MonkeyPatch) -> None:
    made = Rendition(
        tenant=CLOUD, aid=rig.origin.assets["upload/pic"].aid, sequence=1, transformation="", format="png", width=1,
        height=1, body_bytes=1,
    )  # fmt: skip
    for _number in range(REPORTS_MAX + 1):
        await NodeLink.report(rig.link, made)


@moves(Count.PASSTHROUGH_MISS)
@moves(Count.PASSTHROUGH_HIT)
async def _an_asset_is_asked_for_twice(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:
        assert [(await cache.get()).body for _ in range(2)] == [b"hello", b"hello"]


@moves(Count.PASSTHROUGH_REVALIDATED)
async def _an_asset_is_confirmed(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:
        cache.origin.says(response(ETag='"a"', cache_control="max-age=0"), b"HTTP/1.1 304 Not Modified\r\n\r\n")
        assert [(await cache.get()).body for _ in range(2)] == [b"hello", b"hello"]


@moves(Count.PASSTHROUGH_STALE)
async def _an_asset_stands_in_for_an_error(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:
        cache.origin.says(
            response(cache_control="max-age=0, stale-if-error=60"), response(b"", status="503 Service Unavailable")
        )
        assert [(await cache.get()).body for _ in range(2)] == [b"hello", b"hello"]


@moves(Count.PASSTHROUGH_COLLAPSED)
async def _two_ask_for_an_asset_at_once(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:

        async def slow(_: object, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.2)
            writer.write(response(cache_control="max-age=60"))

        cache.origin.script = slow
        assert [got.body for got in await asyncio.gather(cache.get(), cache.get())] == [b"hello", b"hello"]


@moves(Count.PASSTHROUGH_FORWARDED)
async def _something_is_sent_to_the_origin_of_assets(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:
        await cache.get(method="POST", body=b"x")


@moves(Count.PASSTHROUGH_ERROR)
async def _the_origin_of_assets_talks_nonsense(rig: Rig, _: pytest.MonkeyPatch) -> None:
    async with cached(rig.settings.data_dir / "assets", counters=rig.counters) as cache:
        cache.origin.says(b"nonsense\r\n\r\n")
        assert (await cache.get()).status == 502


def test_every_member_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(Count)

"""Hot hits against the ordinary path: the same bytes for whatever arrives, and never what the ordinary path would not say."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE

from domicile.media.cdn import CDNS
from domicile.media.journal import Entry, Kind
from edge.bounds import bounds_of
from edge.cache.forward import HOPS_MAX
from edge.counters import totals
from edge.delivery_settings import DeliverySettings
from edge.front import Front
from edge.hot_table import REQUEST_BYTES_MAX
from edge.listener import Listener
from edge.store.port import PIECE_BYTES_MAX
from tests.unit.edge.rig import REGION, Rig, hash_of, policy

PATH = "/demo/image/upload/w_10/pic.png"
OTHER = "/demo/image/upload/w_10,f_auto/pic.png"
SAID_OF_TIME = re.compile(rb"Date: [^\r]*|;dur=[0-9.]+|ttl=\d+|max-age=\d+|s-maxage=\d+")
SECONDS_MAX = 20.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


@asynccontextmanager
async def cold(rig: Rig) -> AsyncIterator[int]:
    """The port of a second listener on the same front door, which knows no hot hits."""
    listener = Listener(
        rig.parts.app.handle,
        counters=rig.counters,
        region=REGION,
        bounds=replace(bounds_of(rig.settings), keepalive_seconds=20),
    )
    runner = web.ServerRunner(listener, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def say(port: int, pieces: list[bytes]) -> bytes:
    """All that comes back on one connection until the server closes it; nothing more is said then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                heard.extend(piece)

    async with asyncio.timeout(SECONDS_MAX):
        listening = asyncio.create_task(listen())
        for piece in pieces:
            if listening.done():
                break
            writer.write(piece)
            await asyncio.sleep(0.003 if len(pieces) > 1 else 0)
        await listening
    writer.close()
    return bytes(heard)


async def warm(rig: Rig) -> None:
    """Both pictures are in RAM, and hot for whoever sends no Accept and for a browser."""
    for path in (PATH, OTHER):
        for accept in ("", "image/webp,*/*"):
            for _ in range(3):
                fields = f"Accept: {accept}\r\n" if accept else ""
                await say(rig.port, [f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}Connection: close\r\n\r\n".encode()])
    assert len(rig.parts.app.hot) == 4


def hot_hits(rig: Rig) -> int:
    return rig.parts.app.hot.answers


async def ask(rig: Rig, path: str = PATH, **fields: str) -> bytes:
    """One answer of a connection that stays open as long as it takes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    try:
        async with asyncio.timeout(SECONDS_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            return head + (await reader.readexactly(int(length[1])) if length and b" 304 " not in head else b"")
    finally:
        writer.close()


# --- the same bytes --------------------------------------------------------------------------------------------------

FIELDS = (
    b"Accept: image/webp,*/*\r\n", b"Accept: image/webp\r\nAccept: */*\r\n", b"accept:image/webp,*/*\r\n",
    b"Referer: https://a.example/1\r\n", b"Referer: https://a.example/2\r\n", b"Referer: \r\n", b"Referer: a\r\n" * 5, b"Cookie: a=b\r\n",
    b"X-Forwarded-For: 127.0.0.1\r\n", b"User-Agent: x y\r\n", b"Cache-Control: no-cache\r\n",
    b'If-None-Match: "nothing"\r\n', b"If-None-Match: *\r\n", b"If-None-Match: ETAG\r\n", b'If-None-Match: W/ETAG, "b"\r\n',
    b'If-None-Match: ETAG\r\nIf-None-Match: "b"\r\n', b"If-Modified-Since: Tue, 01 Jan 2030 00:00:00 GMT\r\n",
    b"Range: bytes=1-2\r\n", b"Range: bytes=999999-\r\n", b'Range: bytes=0-0\r\nIf-Range: "x"\r\n',
    b"Connection: keep-alive\r\n", b"Connection: Keep-Alive\r\n", b"Connection: x-mine\r\n", b"Keep-Alive: timeout=5\r\n",
    b"Expect: 100-continue\r\n", b"X: \xff\xfe\r\n",
    b"DPR: 2\r\n", b"Width: 100\r\n", b"Authorization: Basic eA==\r\n", b"",
)  # fmt: skip
STARTS = (
    b"GET PATH HTTP/1.1\r\n", b"GET PATH HTTP/1.1\r\n", b"GET PATH HTTP/1.1\r\n", b"HEAD PATH HTTP/1.1\r\n", b"GET OTHER HTTP/1.1\r\n",
    b"GET PATH?q=1 HTTP/1.1\r\n", b"POST PATH HTTP/1.1\r\n", b"GET /nobody HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\n",
    b"OPTIONS PATH HTTP/1.1\r\n", b"GET http://x/PATH HTTP/1.1\r\n",
)  # fmt: skip
ODD_FIELDS = (
    b"Host: y\r\n", b"Content-Length: 0\r\n", b"Content-Length: 0\r\nContent-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Upgrade: h2c\r\n", b"Proxy-Connection: close\r\n", b"X: folded\r\n  line\r\n", b"X : space\r\n", b"X: \x00\r\n",
    b"Referer: \x00\r\n", b"Referer: lone\nlf\r\n", b"Cookie: lone\rcr\r\n", b"Referer: folded\r\n line\r\n", b"Cookie: \xff\r\n",
    b"X: lone\nReferer: lf\r\n", b"X: lone\nlf\r\n", b"X: lone\rcr\r\n", b": no name\r\n", b"no colon\r\n", b"X: " + b"y" * 9000 + b"\r\n", b"X: y\r\n" * 200, b"",
)  # fmt: skip
ODD_STARTS = (
    b"GET PATH HTTP/1.1\r\n", b"GET PATH HTTP/1.1\r\n", b"GET PATH HTTP/1.0\r\n", b"get PATH HTTP/1.1\r\n", b"GET  PATH HTTP/1.1\r\n",
    b"GET PATH HTTP/1.1 \r\n", b"GET PATH HTTP/1.1\n", b"\r\nGET PATH HTTP/1.1\r\n", b"GET PATH HTTP/2.0\r\n", b"GET PATH\r\n", b"\x16\x03\x01",
)  # fmt: skip


def conversations(count: int, etag: bytes) -> Iterator[list[bytes]]:
    """What is said on one connection; the last request ends it. Cut anywhere, unless some of it cannot be read: the HTTP
    library then drops what it has read in the same piece, so what is answered depends on the cuts.
    """
    chance = random.Random(20261126)
    last = b"GET PATH HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for _ in range(count):
        requests = []
        is_odd = chance.random() < 0.3
        starts, fields = (ODD_STARTS, ODD_FIELDS) if is_odd else (STARTS, FIELDS)
        for _ in range(chance.randint(1, 4)):
            host = b"Host: x\r\n" if not is_odd or chance.random() < 0.8 else b""
            said = b"".join(chance.sample(fields, chance.randint(0, 2)))
            end = b"Content-Length: 5\r\n\r\nGET /" if not is_odd and chance.random() < 0.1 else b"\r\n"
            requests.append(chance.choice(starts) + host + said + end)
        requests = [
            each.replace(b"PATH", PATH.encode()).replace(b"OTHER", OTHER.encode()).replace(b"ETAG", etag)
            for each in (*requests, last)
        ]
        said = b"".join(requests)
        cuts = sorted(chance.sample(range(1, len(said)), chance.choice((0, 0, 1, 2))))
        pieces = [said[start:end] for start, end in zip((0, *cuts), (*cuts, len(said)), strict=True)]
        yield requests if is_odd else pieces


async def test_whatever_arrives_both_paths_say_the_same(rig: Rig) -> None:
    await warm(rig)
    found = re.search(rb"ETag: ([^\r]*)", await ask(rig))
    assert found is not None
    before = hot_hits(rig)
    async with cold(rig) as port:
        for pieces in conversations(200, found[1]):
            ours, theirs = [SAID_OF_TIME.sub(b"", await say(at, pieces)) for at in (rig.port, port)]
            assert ours == theirs, pieces
    assert hot_hits(rig) - before > 40  # else nothing was compared


async def test_a_hot_hit_is_told_from_an_ordinary_one_by_nothing_but_time(rig: Rig) -> None:
    await warm(rig)
    async with cold(rig) as port:
        for fields in (b"", b"Accept: image/webp,*/*\r\n"):
            for method in (b"GET", b"HEAD"):
                request = method + b" " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n"
                before = hot_hits(rig)
                last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                ours, theirs = [await say(at, [request * 3 + last]) for at in (rig.port, port)]
                assert hot_hits(rig) == before + 3
                assert SAID_OF_TIME.sub(b"", ours) == SAID_OF_TIME.sub(b"", theirs)
                assert all(said in ours for said in (b"detail=memory", b"Date: ", b"edge;dur=0,"))


async def test_more_requests_at_once_than_the_library_takes_are_answered_in_order_hot_or_not(rig: Rig) -> None:
    await warm(rig)
    chance, before = random.Random(20261127), hot_hits(rig)
    starts = [b"GET PATH HTTP/1.1\r\n"] * 4 + [
        b"HEAD PATH HTTP/1.1\r\n",
        b"GET OTHER HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\n",
    ]
    requests = [
        chance.choice(starts) + b"Host: x\r\n" + chance.choice((b"", b"", b"", b"Range: bytes=1-2\r\n")) + b"\r\n"
        for _ in range(4 * MAX_MSG_QUEUE_SIZE)
    ]
    said = b"".join((*requests, b"GET PATH HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    said = said.replace(b"PATH", PATH.encode()).replace(b"OTHER", OTHER.encode())
    async with cold(rig) as port:
        ours, theirs = [SAID_OF_TIME.sub(b"", await say(at, [said])) for at in (rig.port, port)]
    assert ours == theirs
    assert ours.count(b"HTTP/1.1 ") == len(requests) + 1
    assert hot_hits(rig) > before


async def test_the_same_bytes_are_read_once_and_by_what_was_decided_last(rig: Rig) -> None:
    await warm(rig)
    table = rig.parts.app.hot._table
    for _ in range(3):
        assert b" 200 " in await ask(rig, Referer="https://a.example/")
        assert b" 206 " in await ask(rig, Range="bytes=0-0")  # by the ordinary path, which decides anew
    before, kept = hot_hits(rig), table.requests
    for number in range(3):
        assert b" 200 " in await ask(rig, Referer=f"https://a.example/{number}", X_Forwarded_For=f"127.0.0.{number}")
    assert hot_hits(rig) == before + 3
    assert table.requests == kept  # none of a viewer's own fields


async def test_requests_that_are_kept_are_bounded_and_go_with_their_decisions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await warm(rig)
    table = rig.parts.app.hot._table
    monkeypatch.setattr("edge.hot_table.REQUESTS_MAX", 3)
    for number in range(9):
        await ask(rig, X=str(number))
        assert table.requests <= 3
    kept = table.requests
    await ask(rig, X="y" * REQUEST_BYTES_MAX)
    assert table.requests == kept > 0
    await rig.entry(Kind.ERASE, aids=(rig.origin.assets["upload/pic"].aid,))
    assert table.requests == 0


# --- never what the ordinary path would not say ----------------------------------------------------------------------


async def test_a_purge_ends_it_at_once(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    assert b"detail=memory" in await ask(rig)
    assert hot_hits(rig) == before + 1
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert len(rig.parts.app.hot) == 0
    assert b"uri-miss" in await ask(rig)
    assert hot_hits(rig) == before + 1


async def test_an_entry_that_the_worker_has_not_taken_yet_stops_it(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    rig.link.page.applied = rig.link.applied + 1
    assert b" 503 " in await ask(rig)
    assert hot_hits(rig) == before


async def test_a_fence_that_has_moved_stops_it_even_if_nobody_told(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    fence = rig.link.tenants["demo"].fence
    fence.apply(Entry(tenant="demo", epoch=fence.epoch, seq=fence.applied + 1, kind=Kind.NAME, names=(hash_of("pic"),)))
    assert b"detail=memory" not in await ask(rig)
    assert hot_hits(rig) == before


async def test_a_decision_from_before_another_configuration_never_becomes_hot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent writes down an event between the look-up and the last look before the first byte."""
    await rig.get(PATH)
    assert len(rig.parts.app.hot) == 0
    serving, looks = rig.link.serving, 0

    async def changes() -> None:
        rig.link.page.applied -= 1
        await rig.configure(policy(strict_transformations=True), revision=2)

    def looked() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            rig.link.page.applied += 1
            asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.ensure_future(changes())))
        return serving()

    tasks: list[asyncio.Future[None]] = []
    monkeypatch.setattr(rig.link, "serving", looked)
    await rig.get(PATH)
    await tasks[0]
    assert looks >= 2
    assert (await rig.get(PATH)).status == 401
    assert rig.parts.app.hot.answers == 0


async def test_an_accept_as_long_as_a_book_takes_no_room(rig: Rig) -> None:
    """It is part of the key, and viewers choose it."""
    await warm(rig)
    for number in range(3):
        await ask(rig, Accept=f"image/x{number}," * 500)
    assert len(rig.parts.app.hot) == 4


async def test_what_is_older_than_its_lifetime_is_not_hot(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    rig.parts.app.hot._wall_clock = lambda: time.time() + 400 * 86400.0
    assert b"detail=memory" in await ask(rig)  # for the ordinary path it is still today
    assert hot_hits(rig) == before
    rig.parts.app.hot._wall_clock = lambda: time.time() - 86400.0
    assert b"detail=memory" in await ask(rig)
    assert hot_hits(rig) == before


async def test_pictures_for_few_never_become_hot(rig: Rig) -> None:
    rig.origin.upload("few", b"two", delivery_type="private")
    for _ in range(3):
        await ask(rig, "/demo/image/private/w_10/few.png")
        await ask(rig, "/demo/image/upload/s--abcdefgh--/w_10/pic.png")
        await ask(rig, "/demo/image/upload/w_10/d_pic.png/none.png")
    assert len(rig.parts.app.hot) == 0


async def test_the_end_of_the_lease_ends_it(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    rig.link.lease(-1)
    assert b" 503 " in await ask(rig)
    assert hot_hits(rig) == before


async def test_what_left_the_ram_tier_is_not_hot(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    rig.parts.tiers.lookup.memory.clear()
    await ask(rig)
    assert hot_hits(rig) == before


async def test_a_foreign_host_gets_nothing_from_it(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(hosts=("x",))) as rig:
        rig.origin.upload("pic", b"one")
        await warm(rig)
        before = hot_hits(rig)
        raw = b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert b" 421 " in await say(rig.port, [raw, last])
        assert hot_hits(rig) == before


async def test_who_came_through_too_many_is_told_so_however_they_wrote_it_down(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    loops = b"CDN-Loop: " + b"a, " * (HOPS_MAX // 2) + b"a\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for said, status in ((loops, b" 200 "), (loops * 2, b" 508 ")):
        raw = b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n" + said + b"\r\n"
        assert status in (await say(rig.port, [raw, last])).split(b"\r\n")[0]
    assert hot_hits(rig) == before + 1


async def test_a_viewer_who_takes_nothing_is_not_handed_more_than_may_wait(rig: Rig) -> None:
    rig.pool.padding = 60_000
    await warm(rig)
    _, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1024)
    transport = writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    held = []
    for _ in range(80):
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.sleep(0.005)
        held += [each.get_write_buffer_size() for each in _server_transports(rig)]
    assert max(held) <= rig.settings.delivery.write_buffer_bytes_max + 2 * PIECE_BYTES_MAX
    writer.close()


async def test_a_purge_cuts_off_what_a_hot_hit_left_unsent(rig: Rig) -> None:
    rig.pool.padding = 60_000
    await warm(rig)
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1024)
    transport = writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    before = hot_hits(rig)
    for _ in range(100):
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.sleep(0.005)
        if any(each.get_write_buffer_size() for each in _server_transports(rig)):
            break
    assert hot_hits(rig) > before
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert len(rig.parts.app.responses) == 0
    transport.resume_reading()
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(SECONDS_MAX):
            while await reader.read(4096):
                pass
            raise ConnectionError("ended")
    assert value(rig, "aborted_responses") >= 1


def _server_transports(rig: Rig) -> list[asyncio.Transport]:
    return [each.transport for each in rig.viewers.connections if each.transport is not None]


def value(rig: Rig, name: str, **labels: str) -> float:
    points = [point for point in totals([rig.link.slot.counters]) if point.name == name]
    return sum(point.value for point in points if labels.items() <= point.labels.items())


class Heard(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


async def test_the_same_bytes_are_read_anew_at_another_listener(rig: Rig) -> None:
    await warm(rig)
    hot, heard = rig.parts.app.hot, Heard()
    closed = Front(cdn=CDNS["generic"], secrets=(b"secret",), is_closed=True)
    data = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nX: here\r\n\r\n".encode()
    for _ in range(2):
        assert hot.take(data, heard) == len(data)
        assert hot.take(data, heard, closed) == 0
    assert len(heard.pieces) == 2


# --- an event on its way ---------------------------------------------------------------------------------------------


async def test_what_is_said_of_other_pictures_does_not_end_it(rig: Rig) -> None:
    await warm(rig)
    before = hot_hits(rig)
    await rig.entry(Kind.NAME, names=(hash_of("somebody else"),))
    assert len(rig.parts.app.hot) == 4
    assert b"detail=memory" in await ask(rig)
    assert hot_hits(rig) == before + 1


async def test_an_erased_picture_leaves_no_path_in_memory(rig: Rig) -> None:
    await warm(rig)
    await rig.entry(Kind.ERASE, aids=(rig.origin.assets["upload/pic"].aid,))
    assert len(rig.parts.app.hot) == 0


async def test_who_asks_while_an_event_is_on_its_way_is_answered_at_once_when_it_is_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await warm(rig)
    before = hot_hits(rig)
    patiently(monkeypatch)
    rig.link.page.applied += 1
    asking = [asyncio.create_task(ask(rig)) for _ in range(8)]
    await holding(rig, 8)
    assert hot_hits(rig) == before
    rig.link.page.applied -= 1
    await rig.entry(Kind.NAME, names=(hash_of("somebody else"),))
    assert all(b"detail=memory" in answer for answer in await asyncio.gather(*asking))
    assert hot_hits(rig) == before + 8
    assert not rig.parts.app.hot._held


async def test_who_was_held_is_not_shown_what_the_event_forbids(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await warm(rig)
    before = hot_hits(rig)
    rig.origin.upload("pic", b"two")
    patiently(monkeypatch)
    rig.link.page.applied += 1
    asking = asyncio.create_task(ask(rig))
    await holding(rig, 1)
    rig.link.page.applied -= 1
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert b"two|" in await asking
    assert hot_hits(rig) == before


async def test_of_two_events_the_first_lets_nobody_pass(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await warm(rig)
    before = hot_hits(rig)
    patiently(monkeypatch)
    rig.link.page.applied += 1
    asking = asyncio.create_task(ask(rig))
    await holding(rig, 1)
    rig.link.page.applied -= 1
    take = rig.link.on_entry

    async def and_another_comes(entry: Entry) -> None:
        await take(entry)
        rig.link.page.applied += 1

    rig.link.on_entry = and_another_comes
    await rig.entry(Kind.NAME, names=(hash_of("somebody else"),))
    assert len(rig.parts.app.hot._held) == 1
    rig.link.on_entry = take
    rig.link.page.applied -= 1
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert b"uri-miss" in await asking
    assert hot_hits(rig) == before


async def test_who_says_more_while_he_is_held_is_answered_in_order(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await warm(rig)
    patiently(monkeypatch)
    rig.link.page.applied += 1
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await holding(rig, 1)
    writer.write(f"HEAD {OTHER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await asyncio.sleep(0.01)
    rig.link.page.applied -= 1
    async with asyncio.timeout(SECONDS_MAX):
        heard = await reader.read()
    writer.close()
    assert heard.count(b"HTTP/1.1 200 OK") == 2
    assert heard.index(b"Connection: close") > heard.rindex(b"HTTP/1.1 200 OK")


async def test_who_leaves_while_he_is_held_takes_nothing_with_him(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await warm(rig)
    before = hot_hits(rig)
    patiently(monkeypatch)
    rig.link.page.applied += 1
    asking = asyncio.create_task(ask(rig))
    await holding(rig, 1)
    asking.cancel()
    await asyncio.wait([asking])
    while len(rig.viewers.connections):
        await asyncio.sleep(0.001)
    rig.link.page.applied -= 1
    await rig.entry(Kind.NAME, names=(hash_of("somebody else"),))
    assert hot_hits(rig) == before


def patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.hot.HOLD_SECONDS_MAX", SECONDS_MAX)


async def holding(rig: Rig, connections: int) -> None:
    """Until so many are held."""
    async with asyncio.timeout(SECONDS_MAX):
        while len(rig.parts.app.hot._held) < connections:
            await asyncio.sleep(0)

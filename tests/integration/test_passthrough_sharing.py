"""Many viewers, one fetch: followers stream along, and nobody is harmed by one who stalls, leaves, or asks for something else."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.passthrough.fill import WINDOW_BYTES
from tests.infra.assets import Cached, Seen, Viewer, cached, response

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
MIB = 1024 * 1024


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path) as one:
        yield one


class Slow:
    """An answer in two halves, each when it is told."""

    def __init__(self, first: bytes, second: bytes = b"", *, bytes_stated: int | None = None, **fields: str) -> None:
        length = len(first + second) if bytes_stated is None else bytes_stated
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**FRESH, **fields}.items()]
        self._head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {length}", *lines, "", ""]).encode()
        self._halves = (first, second)
        self.begin, self.go_on = asyncio.Event(), asyncio.Event()
        self.breaks_off = False

    async def __call__(self, _: Seen, writer: asyncio.StreamWriter) -> None:
        await self.begin.wait()
        writer.write(self._head + self._halves[0])
        await writer.drain()
        await self.go_on.wait()
        if self.breaks_off:
            writer.transport.abort()
        else:
            writer.write(self._halves[1])


async def until_seen(cache: Cached, requests: int) -> None:
    async with asyncio.timeout(5):
        while len(cache.origin.seen) < requests:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def viewers(cache: Cached, count: int, **fields: Any) -> AsyncIterator[list[Viewer]]:
    """So many who have asked for the same."""
    opened = [await cache.viewer() for _ in range(count)]
    try:
        for viewer in opened:
            viewer.send(**fields)
        await asyncio.sleep(0.05)
        yield opened
    finally:
        for viewer in opened:
            viewer.close()


async def test_many_misses_are_one_fetch(cache: Cached) -> None:
    slow = cache.origin.script = Slow(b"he", b"llo")
    async with viewers(cache, 20) as waiting:
        slow.begin.set()
        slow.go_on.set()
        answers = [await one.answer() for one in waiting]
    assert {got.body for got in answers} == {b"hello"}
    assert sum("collapsed" in got.cache for got in answers) == 19
    assert len(cache.origin.seen) == 1


async def test_who_comes_in_the_middle_has_the_beginning_at_once(cache: Cached) -> None:
    slow = cache.origin.script = Slow(b"x" * 1000, b"y" * 1000)
    slow.begin.set()
    async with viewers(cache, 1) as (leader,):
        await leader.head()
        async with viewers(cache, 1) as (late,):
            async with asyncio.timeout(1):
                assert (await late.head())["content-length"] == "2000"
                assert await late.reader.readexactly(1000) == b"x" * 1000
            slow.go_on.set()
            assert await late.reader.readexactly(1000) == b"y" * 1000
    assert len(cache.origin.seen) == 1


async def test_one_who_takes_nothing_harms_nobody(tmp_path: Path) -> None:
    body = b"z" * (8 * MIB)
    async with cached(tmp_path, object_bytes_max=32 * MIB, ram_bytes_max=64 * MIB) as cache:
        cache.origin.says(response(body, **FRESH))
        async with viewers(cache, 1) as (stalled,):
            stalled.writer.transport.pause_reading()  # type: ignore[attr-defined]
            started = time.monotonic()
            assert len((await cache.get()).body) == len(body)
            assert time.monotonic() - started < 10
            assert (await cache.get()).cache.startswith("hit")
            assert len(cache.origin.seen) == 1


async def test_the_fetch_goes_on_when_who_asked_first_leaves(cache: Cached) -> None:
    slow = cache.origin.script = Slow(b"he", b"llo")
    slow.begin.set()
    async with viewers(cache, 1) as (leader,):
        await leader.head()
    async with viewers(cache, 1) as (follower,):
        slow.go_on.set()
        assert (await follower.answer()).body == b"hello"
    assert (await cache.get()).cache.startswith("hit")
    assert len(cache.origin.seen) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_breaks_off_is_neither_stored_nor_ended(cache: Cached, chunked: bool) -> None:
    slow = cache.origin.script = Slow(b"3\r\nabc\r\n5\r\nxy" if chunked else b"he", b"llo")
    if chunked:
        slow._head = slow._head.replace(b"Content-Length: 16", b"Transfer-Encoding: chunked")
        assert b"chunked" in slow._head
    slow.breaks_off = True
    slow.begin.set()
    async with viewers(cache, 3) as waiting:
        heads = [await one.head() for one in waiting]
        assert {head.status for head in heads} == {200}
        slow.go_on.set()
        for one in waiting:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await one.reader.readuntil(b"0\r\n\r\n" if chunked else b"llo")
    cache.origin.says(response(b"whole", **FRESH))
    assert (await cache.get()).body == b"whole"


async def test_an_error_before_the_head_is_the_answer_for_all(cache: Cached) -> None:
    async def nonsense(_: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 nonsense\r\n\r\n")

    cache.origin.script = nonsense
    async with viewers(cache, 5) as waiting:
        assert [(await one.answer()).status for one in waiting] == [502] * 5
    assert len(cache.origin.seen) == 1


async def test_an_origin_that_does_not_answer_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with cached(tmp_path, read_seconds_max=0.2) as cache:
        cache.origin.script = Slow(b"never")
        assert (await cache.get()).status == 504


async def test_an_answer_for_one_only_is_not_waited_for_again(cache: Cached) -> None:
    async def private(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(response(seen.fields["cookie"].encode(), cache_control="private"))

    cache.origin.script = private
    started = time.monotonic()

    async def ask(number: int) -> bytes:
        return (await cache.get(Cookie=str(number))).body

    for _ in range(2):
        assert await asyncio.gather(*(ask(number) for number in range(10))) == [b"%d" % number for number in range(10)]
    assert time.monotonic() - started < 1.2, "they waited for each other"
    assert len(cache.origin.seen) == 20


async def test_a_variant_for_others_is_not_waited_for_twice(cache: Cached) -> None:
    async def varies(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(response(seen.fields["foo"].encode(), vary="Foo", **FRESH))

    cache.origin.script = varies

    async def ask(number: int) -> bytes:
        return (await cache.get(Foo=str(number % 3))).body

    answers = await asyncio.gather(*(ask(number) for number in range(12)))
    assert answers == [b"%d" % (number % 3) for number in range(12)]
    assert len(cache.origin.seen) == 3


async def test_confirmations_are_shared_too(cache: Cached) -> None:
    cache.origin.says(response(ETag='"a"', cache_control="max-age=1"))
    await cache.get()
    await asyncio.sleep(1.1)

    async def confirms(_: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n")

    cache.origin.script = confirms
    async with viewers(cache, 10) as waiting:
        answers = [await one.answer() for one in waiting]
    assert {got.body for got in answers} == {b"hello"}
    assert len(cache.origin.seen) == 2


@pytest.mark.parametrize(
    "said",
    [{"Cache_Control": "no-store, max-age=0"}, {"Authorization": "Basic x", "Cache_Control": "max-age=0"}],
)
async def test_who_asks_for_himself_alone_changes_nothing_for_the_others(cache: Cached, said: dict[str, Any]) -> None:
    cache.origin.says(response(ETag='"a"', **FRESH), response(b"mine", ETag='"b"', **FRESH))
    await cache.get()
    assert (await cache.get(**said)).body == b"mine"
    cache.origin.says(response(b"", "403 Forbidden"))
    assert (await cache.get(method="HEAD", **said)).status == 403
    slow = cache.origin.script = Slow(b"he", b"llo")
    async with viewers(cache, 1, **said) as (alone,), viewers(cache, 9, Cache_Control="max-age=0") as waiting:
        await until_seen(cache, 5)
        slow.begin.set()
        slow.go_on.set()
        assert {(await one.answer()).body for one in (*waiting, alone)} == {b"hello"}
    assert len(cache.origin.seen) == 5
    assert [one.fields.get("if-none-match") for one in cache.origin.seen[-2:]] == ['"a"', '"a"']


async def test_what_is_fetched_behind_is_fetched_once_although_nobody_may_wait_for_it(cache: Cached) -> None:
    fields: dict[str, Any] = {"cache_control": "max-age=0, stale-while-revalidate=60"}
    cache.origin.says(response(b"old", **fields))
    await cache.get()
    slow = cache.origin.script = Slow(b"ne", b"w", **fields)
    slow.begin.set()
    for _ in range(5):
        assert (await cache.get()).body == b"old"
        await until_seen(cache, 2)
        await asyncio.sleep(0.01)
    assert len(cache.origin.seen) == 2
    slow.go_on.set()
    async with asyncio.timeout(5):
        while (await cache.get()).body != b"new":
            await asyncio.sleep(0.005)


async def test_what_stands_in_for_an_error_does_so_for_all_who_wait(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def fails(_: Seen, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(response(b"", "503 Service Unavailable"))

    async with cached(tmp_path, unshared_seconds=0.0) as cache:
        cache.origin.says(response(ETag='"a"', cache_control="max-age=0, stale-if-error=60"))
        await cache.get()
        cache.origin.script = fails
        async with viewers(cache, 10) as waiting:
            await until_seen(cache, 2)
            go_on.set()
            answers = [await one.answer() for one in waiting]
        assert {(got.status, got.body) for got in answers} == {(200, b"hello")}
        assert all("detail=stale-if-error" in got.cache for got in answers)
        assert len(cache.origin.seen) == 2


async def test_confirmations_for_one_only_are_not_waited_for_one_after_the_other(tmp_path: Path) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    async with cached(tmp_path, unshared_seconds=0.05) as cache:

        async def confirms(_: Seen, writer: asyncio.StreamWriter) -> None:
            await gates[len(cache.origin.seen) > 2].wait()
            writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: no-cache\r\n\r\n')

        cache.origin.says(response(ETag='"a"', cache_control="no-cache"))
        await cache.get()
        await asyncio.sleep(0.06)  # what that answer said of the URL is forgotten
        cache.origin.script = confirms
        async with viewers(cache, 9) as waiting:
            await until_seen(cache, 2)
            gates[0].set()
            await until_seen(cache, 10)
            gates[1].set()
            assert {(await one.answer()).body for one in waiting} == {b"hello"}


async def test_a_part_is_cut_from_what_is_on_its_way(cache: Cached) -> None:
    cache.origin.says(response(ETag='"a"', cache_control="max-age=1"))
    await cache.get()
    await asyncio.sleep(1.1)
    slow = cache.origin.script = Slow(b"01234", b"56789", ETag='"b"')
    slow.begin.set()
    async with (
        viewers(cache, 1, Range="bytes=1-2") as (early,),
        viewers(cache, 1, Range="bytes=4-7") as (late,),
        viewers(cache, 1, Range="bytes=8-,0-1") as (both,),
    ):
        got = await early.answer()
        assert (got.status, got.body, got["content-range"]) == (206, b"12", "bytes 1-2/10")
        slow.go_on.set()
        assert (await late.answer()).body == b"4567"
        parts = (await both.answer()).body.split(b"\r\n")
        assert (parts[3], parts[7]) == (b"89", b"01")
    assert (await cache.get()).body == b"0123456789"


async def test_not_modified_does_not_wait_for_the_body(cache: Cached) -> None:
    slow = cache.origin.script = Slow(b"01234", b"56789", ETag='"b"')
    slow.begin.set()
    async with viewers(cache, 1, If_None_Match='"b"') as (one,):
        assert (await asyncio.wait_for(one.answer(), 2)).status == 304
        slow.go_on.set()
    await asyncio.sleep(0.1)
    assert (await cache.get()).cache.startswith("hit")


async def test_what_no_memory_is_left_for_is_passed_on_and_not_stored(tmp_path: Path) -> None:
    async with cached(tmp_path, fill_bytes_max=100_000) as cache:
        cache.origin.says(response(b"v" * MIB, **FRESH))
        for _ in range(2):
            assert len((await cache.get()).body) == MIB
        assert len((await cache.get(Range="bytes=0-9")).body) in {10, MIB}
        assert len(cache.origin.seen) == 3


async def test_a_body_too_large_to_be_stored_waits_for_its_readers(tmp_path: Path) -> None:
    body, stalls = b"w" * (32 * MIB), asyncio.Event()
    async with cached(tmp_path, object_bytes_max=MIB) as cache:

        async def unending(_: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n")
            await stalls.wait()
            writer.write(b"%x\r\n" % len(body))
            for at in range(0, len(body), WINDOW_BYTES):
                writer.write(body[at : at + WINDOW_BYTES])
                await writer.drain()
            writer.write(b"\r\n0\r\n\r\n")

        cache.origin.script = unending
        async with viewers(cache, 2) as (stalled, reads):
            stalled.writer.transport.pause_reading()  # type: ignore[attr-defined]
            taker = stalled.writer.get_extra_info("socket")  # else its kernel grows to take all of it
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            stalls.set()
            assert len((await asyncio.wait_for(reads.answer(), 25)).body) == len(body)
            stalled.writer.transport.resume_reading()  # type: ignore[attr-defined]
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await stalled.answer()
        assert len(cache.origin.seen) == 1


async def test_too_many_fetches_at_once_are_refused(tmp_path: Path) -> None:
    async with cached(tmp_path, fills_max=2) as cache:
        slow = cache.origin.script = Slow(b"hello")
        async with viewers(cache, 1, target="/a"), viewers(cache, 1, target="/b"):
            got = await cache.get("/c")
            assert (got.status, got["retry-after"], got["cache-control"]) == (503, "1", "no-store")
            slow.begin.set()
            slow.go_on.set()


async def test_a_connection_with_bytes_that_nobody_asked_for_is_not_used_again(cache: Cached) -> None:
    cache.origin.says(
        response(b"hello", cache_control="no-store") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    )
    for _ in range(3):
        assert (await cache.get()).body == b"hello"
    assert cache.origin.connections == 3


async def test_nothing_is_sent_twice(cache: Cached) -> None:
    async def hangs_up(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    cache.origin.says(response(cache_control="no-store"))
    await cache.get()
    cache.origin.script = hangs_up
    assert (await cache.get()).status == 502
    assert len(cache.origin.seen) == 2

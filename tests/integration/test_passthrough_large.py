"""Bodies too large for memory: on the disk, sealed and nameless, shared while they come in, and bounded like everything."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from domicile.media.sealed import CHUNK_BYTES, Opener
from domicile.service.gate import spool_files
from tests.infra.assets import Cached, Seen, Viewer, cached, response

MIB = 1024 * 1024
FRESH: dict[str, Any] = {"cache_control": "max-age=60", "ETag": '"a"'}
ON_DISK: dict[str, Any] = {"object_bytes_max": MIB // 4, "disk_bytes_max": 64 * MIB, "disk_object_bytes_max": 32 * MIB}
BODY = bytes(range(256)) * (12 * MIB // 256) + b"the end"


class Held:
    """The first bytes of BODY, and the rest when it is told."""

    def __init__(self, first_bytes: int, *, stated: bool = True) -> None:
        self.first_bytes = first_bytes
        self.stated = stated
        self.go_on = asyncio.Event()
        self.breaks_off = False

    async def __call__(self, _: Seen, writer: asyncio.StreamWriter) -> None:
        framing = f"Content-Length: {len(BODY)}" if self.stated else "Connection: close"
        writer.write(f'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: "a"\r\n{framing}\r\n\r\n'.encode())
        writer.write(BODY[: self.first_bytes])
        await writer.drain()
        await self.go_on.wait()
        if self.breaks_off:
            writer.transport.abort()
            return
        for at in range(self.first_bytes, len(BODY), MIB):
            writer.write(BODY[at : min(at + MIB, len(BODY))])
            await writer.drain()
        if not self.stated:
            writer.close()


async def asked(cache: Cached, **fields: Any) -> Viewer:
    viewer = await cache.viewer()
    viewer.send(**fields)
    return viewer


def stalls(viewer: Viewer) -> None:
    """It takes nothing any more, and its kernel little."""
    viewer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    viewer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)


async def answer(viewer: Viewer) -> bytes:
    try:
        return (await asyncio.wait_for(viewer.answer(), 20)).body
    finally:
        viewer.close()


async def rest(viewer: Viewer, taken_bytes: int) -> bytes:
    """Of a body, when its head and so much of it are taken."""
    try:
        return await asyncio.wait_for(viewer.reader.readexactly(len(BODY) - taken_bytes), 20)
    finally:
        viewer.close()


async def until_hit(cache: Cached, target: str = "/a") -> None:
    async with asyncio.timeout(10):
        while not (await cache.get(target, Range="bytes=0-0")).cache.startswith("hit"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stated", [True, False])
async def test_it_is_fetched_once_and_only_the_chunks_asked_for_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: bool
) -> None:
    opened: list[int] = []
    open_chunk = Opener.open_chunk

    def counted(opener: Opener, index: int, sealed: bytes) -> bytes:
        opened.append(index)
        return open_chunk(opener, index, sealed)

    async with cached(tmp_path, **ON_DISK) as cache:
        held = cache.origin.script = Held(MIB, stated=stated)
        held.go_on.set()
        assert (await cache.get()).body == BODY
        await until_hit(cache)  # who has the last byte may have it before the file is closed
        whole = await cache.get()
        assert (whole.cache.startswith("hit"), whole.body == BODY) == (True, True)
        monkeypatch.setattr(Opener, "open_chunk", counted)
        part = await cache.get(Range=f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}")
        assert (part.status, part.body, opened) == (206, BODY[CHUNK_BYTES - 1 : CHUNK_BYTES + 1], [0, 1])
        parts = await cache.get(Range="bytes=-7,700000-700003")
        assert (parts.body.split(b"\r\n")[3], parts.body.split(b"\r\n")[7]) == (b"the end", BODY[700_000:700_004])
        assert opened[2:] == [len(BODY) // CHUNK_BYTES, 700_000 // CHUNK_BYTES]
        assert (await cache.get(Range=f"bytes={len(BODY)}-")).status == 416
        assert (await cache.get(method="HEAD"))["content-length"] == str(len(BODY))
        assert (await cache.get(If_None_Match='"a"')).status == 304
        assert len(opened) == 4
        assert len(cache.origin.seen) == 1


async def test_a_player_that_begins_at_the_start_has_it_at_once_and_stored(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        held = cache.origin.script = Held(MIB)
        player = await asked(cache, Range="bytes=0-")
        head = await player.head()
        assert (head.status, head["content-range"]) == (206, f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
        assert await player.reader.readexactly(1000) == BODY[:1000]
        held.go_on.set()
        assert await rest(player, 1000) == BODY[1000:]
        await until_hit(cache)
        assert (await cache.get(Range="bytes=-7")).body == b"the end"
        assert [one.fields.get("range") for one in cache.origin.seen] == [None]


async def test_nothing_of_it_has_a_name(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        cache.origin.says(response(BODY, **FRESH))
        await cache.get()
        await until_hit(cache)
        assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


async def test_who_stalls_and_who_comes_later_have_it_whole_from_one_fetch(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        held = cache.origin.script = Held(6 * MIB)
        stalled = await asked(cache)
        await stalled.head()
        stalls(stalled)
        reads = await asked(cache)
        await reads.head()
        assert await asyncio.wait_for(reads.reader.readexactly(5 * MIB), 10) == BODY[: 5 * MIB]
        assert await answer(await asked(cache, Range="bytes=70000-70003")) == BODY[70_000:70_004]
        joined, backwards = await asked(cache), await asked(cache, Range="bytes=-7,0-3")
        held.go_on.set()
        assert await answer(joined) == BODY
        assert b"\r\n\r\nthe end\r\n" in await answer(backwards)
        assert await rest(reads, 5 * MIB) == BODY[5 * MIB :]
        stalled.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await rest(stalled, 0) == BODY
        assert len(cache.origin.seen) == 1


async def test_it_comes_in_to_its_end_when_who_asked_first_leaves(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        held = cache.origin.script = Held(MIB)
        leader = await asked(cache)
        await leader.head()
        leader.close()
        held.go_on.set()
        await until_hit(cache)
        assert (await cache.get()).body == BODY
        assert len(cache.origin.seen) == 1


async def test_a_body_that_breaks_off_is_neither_stored_nor_ended(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        held = cache.origin.script = Held(6 * MIB)
        held.breaks_off = True
        one, other = await asked(cache), await asked(cache, Range="bytes=9000000-")
        await one.head()
        await one.reader.readexactly(3 * MIB)
        held.go_on.set()
        for viewer, taken_bytes in ((one, 3 * MIB), (other, 0)):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await rest(viewer, taken_bytes)
        held.breaks_off = False
        assert (await cache.get()).body == BODY
        assert len(cache.origin.seen) == 2


async def test_the_disk_is_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    async with cached(tmp_path, **{**ON_DISK, "disk_bytes_max": 30 * MIB}) as cache:
        cache.origin.says(response(BODY, **FRESH))
        for target in ("/a", "/b", "/c"):
            assert (await cache.get(target)).body == BODY
        for target, words in [("/c", "hit"), ("/b", "hit"), ("/a", "fwd=uri-miss")]:
            assert (await cache.get(target)).cache.startswith(words)
        cache.origin.says(response(BODY * 3, **FRESH))
        assert [(await cache.get("/large")).body == BODY * 3 for _ in range(2)] == [True, True]
        assert [one.target for one in cache.origin.seen][-2:] == ["/large", "/large"]
        async with asyncio.timeout(10):
            while not 0 < cache.gauge("passthrough_disk_bytes") <= 30 * MIB:
                await asyncio.sleep(0.05)
        assert cache.gauge("passthrough_memory_bytes") < MIB


@pytest.mark.parametrize("fails_at", [0, 3 * MIB])
async def test_a_disk_that_fails_costs_the_copy_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    write = spool_files.write

    def full(*arguments: Any, offset: int) -> None:
        if offset >= fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*arguments, offset=offset)

    monkeypatch.setattr(spool_files, "write", full)
    async with cached(tmp_path, **ON_DISK) as cache:
        cache.origin.says(response(BODY, **FRESH))
        for _ in range(2):
            assert (await cache.get()).body == BODY
        assert len(cache.origin.seen) == 2


async def test_what_the_disk_does_not_give_any_more_is_cut_off_and_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        cache.origin.says(response(BODY, **FRESH))
        await cache.get()
        await until_hit(cache)
        with monkeypatch.context() as torn:
            torn.setattr(Opener, "open_chunk", lambda opener, index, sealed: opener._open(sealed, bytes(12)))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await cache.get()
        again = await cache.get()
        assert (again.cache.startswith("fwd=uri-miss"), again.body == BODY) == (True, True)


async def test_a_change_ends_what_is_on_the_disk_and_what_is_on_its_way_there(tmp_path: Path) -> None:
    async with cached(tmp_path, **ON_DISK) as cache:
        cache.origin.says(response(BODY, **FRESH))
        await cache.get()
        await cache.get(method="POST", body=b"x")
        held = cache.origin.script = Held(6 * MIB)
        before = await asked(cache)
        await before.head()
        cache.origin.says(response(b"new", **FRESH))
        await cache.get(method="POST", body=b"x")
        held.go_on.set()
        assert await rest(before, 0) == BODY
        assert (await cache.get()).body == b"new"


async def test_memory_that_is_used_up_sends_bodies_to_the_disk(tmp_path: Path) -> None:
    async with cached(tmp_path, **{**ON_DISK, "object_bytes_max": 64 * MIB}, fill_bytes_max=MIB) as cache:
        cache.origin.says(response(BODY, **FRESH))
        assert [(await cache.get()).body == BODY for _ in range(2)] == [True, True]
        assert len(cache.origin.seen) == 1

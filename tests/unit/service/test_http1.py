from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.service.http1 import (
    FIELDS_MAX,
    HEAD_BYTES_MAX,
    Broken,
    Framing,
    Head,
    Unreachable,
    Wire,
    framing_of,
    read_head,
)

Feed = Callable[[bytes], None]


@asynccontextmanager
async def fed(*pieces: bytes, ends: bool = True) -> AsyncIterator[Wire]:
    """A connection on which these bytes have come; `ends`: and then its end."""
    wire = Wire()
    for piece in pieces:
        wire.data_received(piece)
    if ends:
        wire.eof_received()
    yield wire


async def head_of(raw: bytes) -> Head:
    async with fed(raw) as wire:
        return await read_head(wire, 1)


async def body_of(head: bytes, raw: bytes, method: str = "GET", *, ends: bool = True) -> tuple[bytes, Wire]:
    async with fed(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", raw, ends=ends) as wire:
        framing = framing_of(await read_head(wire, 1), method=method)
        return b"".join([piece async for piece in framing.pieces(wire, 1000, 0.2)]), wire


async def test_a_head_is_read_as_it_is() -> None:
    head = await head_of(b"HTTP/1.1 999 \xe4 b\r\nA: 1\r\na:\t2 \t\r\nB:\r\nC: \xff\r\n\r\n")
    assert head == Head(minor=1, status=999, reason="\xe4 b", fields=(("A", "1"), ("a", "2"), ("B", ""), ("C", "\xff")))
    assert (await head_of(b"HTTP/1.0 200\r\n\r\n")).reason == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nA: b\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (FIELDS_MAX + 1) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * HEAD_BYTES_MAX + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b",
    ],
)
async def test_what_is_no_head_is_broken(raw: bytes) -> None:
    with pytest.raises(Broken):
        await head_of(raw)


async def test_no_head_at_all_is_an_origin_that_is_away() -> None:
    with pytest.raises(Unreachable) as away:
        await head_of(b"")
    assert not away.value.timed_out
    async with fed(ends=False) as wire:
        with pytest.raises(Unreachable) as slow:
            await read_head(wire, 0.05)
    assert slow.value.timed_out


@pytest.mark.parametrize(
    "head, raw, body",
    [
        (b"Content-Length: 3\r\n", b"abc", b"abc"),
        (b"Content-Length: 3, 3\r\n", b"abc", b"abc"),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"Transfer-Encoding: Chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n", b"abcde"),
        (b"", b"abc", b"abc"),
    ],
)
async def test_a_body_ends_where_its_framing_says(head: bytes, raw: bytes, body: bytes) -> None:
    assert (await body_of(head, raw))[0] == body


@pytest.mark.parametrize(
    "head, raw",
    [
        (b"Content-Length: 3\r\n", b"ab"),
        (b"Transfer-Encoding: chunked\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nab"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcd\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"x\r\nabc\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"-3\r\nabc\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n" + b"T: x\r\n" * 100 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b""),
        (b"Transfer-Encoding: gzip, chunked\r\n", b""),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b""),
        (b"Transfer-Encoding: identity\r\n", b""),
        (b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"),
        (b"Content-Length: +3\r\n", b"abc"),
        (b"Content-Length: \r\n", b"abc"),
        (b"Content-Length: 9999999999999999\r\n", b"abc"),
    ],
)
async def test_a_body_that_is_cut_or_framed_in_two_ways_is_broken(head: bytes, raw: bytes) -> None:
    with pytest.raises(Broken):
        await body_of(head, raw)


async def test_a_body_that_stalls_is_an_origin_that_is_too_slow() -> None:
    with pytest.raises(Unreachable):
        await body_of(b"Content-Length: 3\r\n", b"ab", ends=False)


@pytest.mark.parametrize(
    "method, status, minor, fields, expected",
    [
        ("HEAD", 200, 1, (("Content-Length", "5"),), Framing(body_bytes=0)),
        ("GET", 204, 1, (), Framing(body_bytes=0)),
        ("GET", 304, 1, (("Content-Length", "5"),), Framing(body_bytes=0)),
        ("GET", 200, 1, (("Content-Length", "5"), ("Connection", "x, Close")), Framing(body_bytes=5, keeps_open=False)),
        ("GET", 200, 0, (("Content-Length", "5"),), Framing(body_bytes=5, keeps_open=False)),
        ("GET", 200, 1, (), Framing(keeps_open=False)),
    ],
)
def test_what_has_no_body_and_what_ends_the_connection(
    method: str, status: int, minor: int, fields: tuple[tuple[str, str], ...], expected: Framing
) -> None:
    assert framing_of(Head(minor=minor, status=status, reason="", fields=fields), method=method) == expected


async def test_bytes_after_the_end_are_noticed() -> None:
    _, wire = await body_of(b"Content-Length: 3\r\n", b"abcdef", ends=False)
    assert not wire.is_idle()


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=10))
def test_chunks_may_be_of_any_size_and_come_in_any_pieces(body: bytes, sizes: list[int]) -> None:
    raw, left = b"", body
    for size in sizes:
        if left:
            raw, left = raw + b"%x\r\n%b\r\n" % (len(left[:size]), left[:size]), left[size:]
    if left:
        raw += b"%X\r\n%b\r\n" % (len(left), left)
    raw += b"0\r\n\r\n"

    async def read() -> bytes:
        wire = Wire()
        framing = Framing(is_chunked=True)

        async def feed() -> None:
            for at in range(0, len(raw), 7):
                wire.data_received(raw[at : at + 7])
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            return b"".join([piece async for piece in framing.pieces(wire, 16, 1)])

    assert asyncio.run(read()) == body

"""Parts of pictures over the wire: of what is in memory, sealed on disk, and still being made; and of what broke off."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.sealed import CHUNK_BYTES, Opener
from tests.unit.edge.rig import Got, Rig

PATH = "/demo/image/upload/w_10/pic.png"
LARGE_BYTES = 3 * 1024 * 1024


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


@pytest.fixture
def opened_chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every chunk of a sealed file that is opened, by its number."""
    numbers: list[int] = []
    open_chunk = Opener.open_chunk

    def counted(opener: Opener, index: int, sealed: bytes) -> bytes:
        numbers.append(index)
        return open_chunk(opener, index, sealed)

    monkeypatch.setattr(Opener, "open_chunk", counted)
    return numbers


def parts_of(got: Got) -> list[tuple[str, bytes]]:
    """As a reader of MIME takes the body apart."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + got.headers["Content-Type"].encode() + b"\r\n\r\n" + got.body
    )
    return [(str(part["content-range"]), bytes(part.get_content())) for part in message.iter_parts()]


async def test_several_parts_come_as_one_body(rig: Rig) -> None:
    whole = await rig.get(PATH)
    size = len(whole.body)
    parts = await rig.get(PATH, Range=f"bytes=-2,0-1,{size}-")
    assert (parts.status, len(parts.body)) == (206, int(parts.headers["Content-Length"]))
    assert parts_of(parts) == [
        (f"bytes {size - 2}-{size - 1}/{size}", whole.body[-2:]),
        (f"bytes 0-1/{size}", whole.body[:2]),
    ]
    boundaries = {
        (await rig.get(PATH, Range="bytes=0-0,2-2")).headers["Content-Type"].partition("=")[2] for _ in range(2)
    }
    assert len(boundaries) == 2
    assert (await rig.request("HEAD", PATH, Range="bytes=0-1,4-5")).status == 200
    assert (await rig.get(PATH, Range="bytes=0-1,4-5", If_Range='"older"')).body == whole.body
    assert (await rig.get(PATH, Range="bytes=0-1,4-5", If_Range=whole.headers["ETag"])).status == 206


async def test_of_a_sealed_picture_only_the_chunks_asked_for_are_opened(rig: Rig, opened_chunks: list[int]) -> None:
    rig.pool.padding = LARGE_BYTES
    whole = (await rig.get(PATH)).body
    assert (await rig.request("HEAD", PATH)).headers["Cache-Status"].endswith("detail=disk")
    size, last = len(whole), (len(whole) - 1) // CHUNK_BYTES
    for value, spans, chunks in [
        ("bytes=70000-70009", [(70_000, 70_010)], [1]),
        ("bytes=65535-65536", [(65_535, 65_537)], [0, 1]),
        ("bytes=-5", [(size - 5, size)], [last]),
        ("bytes=200000-200001,0-0", [(200_000, 200_002), (0, 1)], [3, 0]),
        ("bytes=-1,131072-196607", [(size - 1, size), (131_072, 196_608)], [last, 2]),
    ]:
        opened_chunks.clear()
        got = await rig.get(PATH, Range=value)
        assert got.status == 206
        wanted = [whole[start:end] for start, end in spans]
        assert ([body for _, body in parts_of(got)] if len(spans) > 1 else [got.body]) == wanted
        assert opened_chunks == chunks
    opened_chunks.clear()
    assert (await rig.get(PATH, Range=f"bytes={size}-")).status == 416
    assert (await rig.request("HEAD", PATH, Range="bytes=0-1")).status == 200
    assert opened_chunks == []


async def test_a_part_of_a_picture_in_the_making_waits_for_the_one_fill(rig: Rig) -> None:
    rig.pool.gate.close()
    asked = [
        asyncio.ensure_future(rig.get(PATH, **fields))
        for fields in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=0-0,2-2"})
    ]
    await rig.pool.gate.reached.wait()
    rig.pool.gate.open()
    whole, part, parts = await asyncio.gather(*asked)
    assert (whole.status, part.status, part.body) == (200, 206, whole.body[1:3])
    assert [body for _, body in parts_of(parts)] == [whole.body[:1], whole.body[2:3]]
    assert (rig.pool.renders, rig.origin.blobs) == (1, 1)


@pytest.mark.parametrize("kept_bytes", [0, 100, -1, None])
async def test_an_original_that_breaks_off_makes_no_picture(rig: Rig, kept_bytes: int | None) -> None:
    asset = rig.origin.assets["upload/pic"]
    whole, asset.sealed = asset.sealed, asset.sealed[:kept_bytes]
    rig.origin.breaks_off = kept_bytes is None  # the connection, and not the file
    broken = await rig.get(PATH)
    assert (broken.status, broken.body, rig.pool.renders) == (503, b"", 0)
    assert len(rig.parts.tiers.lookup.memory) == 0
    asset.sealed, rig.origin.breaks_off = whole, False
    assert (await rig.get(PATH)).body == b"one|w_10|"

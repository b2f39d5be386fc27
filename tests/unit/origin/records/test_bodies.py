"""Files that are read piece by piece: from memory, from several, from the store; and not after their key has gone."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from domicile.media.errors import AssetNotFound
from domicile.media.policy import Activity
from domicile.media.sealed import CHUNK_BYTES, SealBroken
from origin.records import AssetRecord, Body, Hashed, Held, Records, whole
from origin.records.bodies import PIECE_BYTES_MAX, Joined
from tests.infra.records import CLOUD, name, upload

SIZES = [
    1,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    PIECE_BYTES_MAX,
    PIECE_BYTES_MAX + 1,
    3 * PIECE_BYTES_MAX + 7,
]


async def stored(records: Records, record: AssetRecord) -> Body:
    return await records.open_original(record, records.permit(CLOUD, Activity.STORE))


async def part(body: Body, start: int, end: int) -> bytes:
    async with aclosing(body.pieces(start, end)) as pieces:
        found = [piece async for piece in pieces]
    assert all(0 < len(piece) <= PIECE_BYTES_MAX for piece in found)
    return b"".join(found)


@pytest.mark.parametrize("size", SIZES)
async def test_an_original_comes_back_whole_and_in_parts(records: Records, size: int) -> None:
    content, chance = os.urandom(size), random.Random(size)
    body = await stored(records, (await upload(records, name("a"), content)).record)
    assert await whole(body) == content
    for _ in range(5):
        start = chance.randrange(size)
        end = chance.randint(start, size)
        assert await part(body, start, end) == content[start:end], (start, end)


async def test_several_are_read_as_one() -> None:
    content, chance = os.urandom(10_000), random.Random(1)
    body = Joined(tuple(Held(content[at : at + 1700]) for at in range(0, 10_000, 1700)))
    assert body.body_bytes == 10_000
    for _ in range(50):
        start = chance.randrange(10_000)
        end = chance.randint(start, 10_000)
        assert await part(body, start, end) == content[start:end], (start, end)


async def test_the_md5_is_of_all_of_it_or_not_known() -> None:
    content = os.urandom(PIECE_BYTES_MAX + 1)
    body = Hashed(Held(content))
    await part(body, 0, 100)
    assert body.md5 == ""
    for _ in range(2):  # a second attempt counts anew
        await whole(body)
        assert body.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()


async def test_an_erasure_ends_the_reading(records: Records) -> None:
    record = (await upload(records, name("a"), os.urandom(3 * PIECE_BYTES_MAX))).record
    body = await stored(records, record)
    read = 0
    with pytest.raises(AssetNotFound):
        async with aclosing(body.pieces()) as pieces:
            async for piece in pieces:
                read += len(piece)
                await records.destroy(record.name)
    assert read == PIECE_BYTES_MAX
    with pytest.raises(AssetNotFound):
        await whole(body)


async def test_a_file_that_was_cut_or_changed_is_never_read_as_the_original(records: Records, tmp_path: Path) -> None:
    record = (await upload(records, name("a"), os.urandom(PIECE_BYTES_MAX))).record
    body = await stored(records, record)
    (file,) = (tmp_path / "data" / "originals").rglob(record.aid)
    sealed = file.read_bytes()
    for broken in (
        sealed[:-1],
        sealed[:-5000],
        sealed + b"x",
        sealed[:50] + b"\0" + sealed[51:],
        sealed[:-9] + bytes(9),
    ):
        file.write_bytes(broken)
        with pytest.raises(SealBroken):
            await whole(body)


class _Short:
    """Says more than it gives."""

    body_bytes = 100

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        yield bytes(99)


async def test_a_body_that_ends_early_is_not_stored(records: Records, tmp_path: Path) -> None:
    draft = await records.mint(CLOUD)
    with pytest.raises(SealBroken):
        await records.put_original(draft, _Short(), records.permit(CLOUD, Activity.STORE))
    assert not [file for file in (tmp_path / "data" / "originals").rglob("*") if file.is_file()]

"""A body on its way in under many readers: whatever the disk does, nobody reads a wrong byte, or an end that is none."""

from __future__ import annotations

import asyncio
import errno
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domicile.service.gate import spool_files
from domicile.service.sealed_file import SEGMENT_BYTES
from edge.cache.ranges import Content, Span
from edge.passthrough.fill import WINDOW_BYTES, Fill, Incomplete, Reader
from edge.passthrough.memory import Memory
from tests.unit.edge.store.spools import spool_of

KIB = 1024
SECONDS_MAX = 10.0


@dataclass(slots=True)
class Outcome:
    wanted: bytes
    got: bytes = b""
    is_cut: bool = False

    @property
    def is_right(self) -> bool:
        return self.wanted.startswith(self.got) if self.is_cut else self.wanted == self.got


async def read(reader: Reader, content: Content | None, body: bytes, chance: random.Random) -> Outcome:
    parts = (Span(start=0, end=len(body)),) if content is None else content
    outcome = Outcome(b"".join(part if isinstance(part, bytes) else body[part.start : part.end] for part in parts))
    pieces = reader.pieces() if content is None else reader.content(content)
    try:
        async for piece in pieces:
            outcome.got += piece
            for _ in range(chance.choice((0, 0, 0, 3))):
                await asyncio.sleep(0)
    except Incomplete:
        outcome.is_cut = True
    return outcome


async def joins(fill: Fill, body: bytes, chance: random.Random) -> Outcome:
    """Some time later, for all of it or for parts in any order."""
    while fill.body_bytes < chance.randrange(len(body)) and not fill.is_complete:
        await asyncio.sleep(0)
    bounds = sorted(chance.sample(range(len(body)), 4))
    spans = [Span(start=bounds[0], end=bounds[1]), Span(start=bounds[2], end=bounds[3])]
    chance.shuffle(spans)
    with fill.reading() as reader:
        return await read(reader, chance.choice((None, (b"head", spans[0], b"between", spans[1]))), body, chance)


async def fetch(fill: Fill, body: bytes, chance: random.Random, spool: Any, memory_bytes: int) -> bool:
    """As the fetcher does it; whether the body is kept."""
    is_kept, at = True, 0
    while at < len(body):
        piece = body[at : at + chance.randrange(1, 64 * KIB)]
        at += len(piece)
        if is_kept and not fill.is_spilling and fill.body_bytes + len(piece) > memory_bytes:
            fill.spill(spool.begin())
        if not is_kept and not await fill.room():
            return False
        fill.add(piece)
        if is_kept and fill.is_spilling:
            is_kept = await fill.settle()
        await asyncio.sleep(0)
    is_kept = is_kept and (not fill.is_spilling or await fill.settle(to_the_end=True))
    if is_kept:
        fill.body()
    fill.finish()
    return is_kept


@pytest.mark.parametrize("disk", ["works", "fails"])
async def test_nobody_reads_a_wrong_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str) -> None:
    write = spool_files.write
    for seed in range(6):
        chance = random.Random(seed)
        body = chance.randbytes(chance.randrange(3 * SEGMENT_BYTES, 8 * SEGMENT_BYTES))
        fails_at = chance.randrange(len(body)) if disk == "fails" else 2 * len(body)

        def limited(*arguments: Any, offset: int, until: int = fails_at) -> None:
            if offset >= until:
                raise OSError(errno.ENOSPC, "full")
            write(*arguments, offset=offset)

        monkeypatch.setattr(spool_files, "write", limited)
        memory = Memory(2**30)
        fill = Fill("k", (), memory)
        spool = spool_of(tmp_path, bytes_max=2**30)
        async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as group:
            with fill.reading() as first:
                leader = group.create_task(read(first, None, body, chance))
                others = [group.create_task(joins(fill, body, chance)) for _ in range(8)]
                is_kept = await fetch(fill, body, chance, spool, chance.choice((0, 100 * KIB, 2**30)))
                await asyncio.wait([leader, *others])
        outcomes = [task.result() for task in (leader, *others)]
        assert [one for one in outcomes if not one.is_right] == []
        if is_kept:
            assert not any(one.is_cut for one in outcomes)
        fill.leave_memory()
        assert memory.bytes == 0


async def test_what_was_dropped_of_a_body_is_not_had_by_going_back() -> None:
    chance = random.Random(1)
    body = chance.randbytes(3 * WINDOW_BYTES)
    late, early = Span(start=len(body) - 100, end=len(body) - 90), Span(start=0, end=10)
    fill = Fill("k", (), Memory(2**30))
    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as group:
        with fill.reading() as onward, fill.reading() as back:
            whole = group.create_task(read(onward, None, body, chance))
            parts = group.create_task(read(back, (late, early), body, chance))
            for at in range(0, len(body), 50_000):
                assert await fill.room()
                fill.add(body[at : at + 50_000])
                await asyncio.sleep(0)
            fill.finish()
            await asyncio.wait([whole, parts])
    assert (whole.result().is_right, whole.result().is_cut) == (True, False)
    assert (parts.result().got, parts.result().is_cut) == (body[late.start : late.end], True)

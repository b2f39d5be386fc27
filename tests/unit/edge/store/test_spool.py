from __future__ import annotations

import gc
import os
import time
from pathlib import Path

import pytest

from domicile.media.sealed import CHUNK_BYTES
from domicile.service.gate import spool_files
from domicile.service.gate.assets import ASSETS_TENANT
from edge.passthrough.statement import permit_to_fetch, permit_to_keep
from edge.store.room import Room, Space
from edge.store.spool import Spool, SpoolFile
from tests.unit.edge.store.spools import spool_of

MARK = b"plain words "
CLOSED_SECONDS_MAX = 5.0


async def read(file: SpoolFile, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in file.pieces(start, end)])


def begun(spool: Spool) -> SpoolFile:
    file = spool.begin()
    assert file is not None
    return file


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 7])
async def test_a_body_comes_back_as_it_went_in(tmp_path: Path, size: int) -> None:
    body, file = os.urandom(size), begun(spool_of(tmp_path))
    for at in range(0, size, 50_000):
        assert await file.append(body[at : at + 50_000])
    assert await file.finish()
    assert (file.body_bytes, file.readable_bytes) == (size, size)
    assert await read(file, 0, size) == body
    assert await read(file, size // 3, size // 2) == body[size // 3 : size // 2]


async def test_what_is_sealed_already_is_read_while_it_grows(tmp_path: Path) -> None:
    body, file = os.urandom(3 * CHUNK_BYTES), begun(spool_of(tmp_path))
    await file.append(body[:100])
    assert file.readable_bytes == 0
    await file.append(body[100 : CHUNK_BYTES + 1])
    assert file.readable_bytes == CHUNK_BYTES
    assert await read(file, 0, CHUNK_BYTES) == body[:CHUNK_BYTES]
    await file.append(body[CHUNK_BYTES + 1 :])
    await file.finish()
    assert await read(file, 0, len(body)) == body


async def test_nothing_on_the_disk_has_a_name_or_is_in_the_clear(tmp_path: Path) -> None:
    file = begun(spool_of(tmp_path / "spool"))
    await file.append(MARK * 20_000)
    await file.finish()
    assert list((tmp_path / "spool").iterdir()) == []
    held = Path(f"/proc/self/fd/{file._descriptor}").read_bytes()
    assert len(held) > 200_000
    assert MARK not in held
    assert os.fstat(file._descriptor).st_mode & 0o777 == 0o600


async def test_what_is_held_is_bounded_and_old_files_make_room(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, bytes_max=1000, files_max=2)
    old, new = begun(spool), begun(spool)
    assert await old.append(bytes(700))
    assert not await new.append(bytes(400))
    assert spool.begin() is None
    kept = [old]
    del old

    def let_go() -> bool:
        if not kept:
            return False
        kept.clear()
        deadline = time.monotonic() + CLOSED_SECONDS_MAX
        while len(spool) > 1 and time.monotonic() < deadline:  # the thread that sealed may hold it for an instant more
            gc.collect()
            time.sleep(0.001)
        return True

    spool.let_go = let_go
    assert await new.append(bytes(400))
    assert (spool.bytes, len(spool)) == (400, 1)
    new.close()
    new.close()
    assert (spool.bytes, len(spool)) == (0, 0)


async def test_a_disk_without_room_takes_nothing_and_what_was_readable_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await begun(spool_of(tmp_path, free_bytes=10)).append(bytes(11))
    body, file = os.urandom(CHUNK_BYTES + 1), begun(spool_of(tmp_path))
    assert await file.append(body)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_files, "write", full)
    assert not await file.append(bytes(CHUNK_BYTES))
    assert not await file.finish()
    assert await read(file, 0, file.readable_bytes) == body[:CHUNK_BYTES]
    (tmp_path / "file").write_bytes(b"")
    assert spool_of(tmp_path / "file").begin() is None


async def test_when_others_fill_the_disk_files_go_until_enough_is_free(tmp_path: Path) -> None:
    free = [100]
    room = Room(tmp_path, free_bytes_min=50, space=lambda _: Space(free_bytes=free[0], free_files=None))
    spool = spool_of(tmp_path, room=room)
    kept = [begun(spool), begun(spool)]

    def let_go() -> bool:
        if kept:
            kept.pop()
            free[0] += 25
        return bool(kept)

    spool.let_go = let_go
    spool.yield_room()
    assert len(spool) == 2
    free[0] = 20
    spool.yield_room()
    assert (len(spool), free[0]) == (0, 70)


def test_the_gate_wants_leave_to_keep(tmp_path: Path) -> None:
    fetch_only = permit_to_fetch("eu-de", clock=time.time)
    with pytest.raises(TypeError):
        spool_files.create(fetch_only, ASSETS_TENANT, tmp_path, slot=0)
    with pytest.raises(TypeError):
        spool_files.write(fetch_only, ASSETS_TENANT, 0, b"x", offset=0)
    with pytest.raises(TypeError):
        spool_files.create(permit_to_keep("eu-de", clock=time.time), "demo", tmp_path, slot=0)
    assert list(tmp_path.iterdir()) == []

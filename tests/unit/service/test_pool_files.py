from __future__ import annotations

import hashlib
import os

import pytest

from domicile.service.pool_files import PIECE_BYTES, ResultFile, SourceFile, digest, digest_of, source_file
from tests.infra.turns import counted_turns


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_a_source_is_copied_whole(size: int) -> None:
    body = os.urandom(size)
    with await source_file(memoryview(body)) as file:
        assert file.size == size
        assert os.pread(file.fileno(), size + 1, 0) == body


async def test_a_sealed_source_cannot_be_changed_shortened_or_grown() -> None:
    with await source_file(b"original") as file:
        file.seal()  # twice is no harm
        for change in (
            lambda: os.pwrite(file.fileno(), b"x", 0),
            lambda: os.ftruncate(file.fileno(), 1),
            lambda: os.ftruncate(file.fileno(), 100),
        ):
            with pytest.raises(PermissionError):
                change()


async def test_a_file_forgotten_is_closed() -> None:
    file = await source_file(b"x")
    descriptor = file.fileno()
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
    assert SourceFile().size == 0


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES + 5])
async def test_a_result_is_read_whole(size: int) -> None:
    body = os.urandom(size)
    with ResultFile() as file:
        os.write(file.fileno(), body)
        assert await file.read(size) == body


@pytest.mark.parametrize("claimed", [0, 4, 6])
async def test_a_result_of_another_length_than_claimed_is_none(claimed: int) -> None:
    with ResultFile() as file:
        os.write(file.fileno(), b"12345")
        assert await file.read(claimed) is None


async def test_a_result_that_shrinks_while_it_is_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with ResultFile() as file:
        size = 2 * PIECE_BYTES
        os.ftruncate(file.fileno(), size)
        reading = file.read(size)
        reading.send(None)  # the first piece is read, the loop is let in
        os.ftruncate(file.fileno(), 1)
        with pytest.raises(StopIteration) as stopped:
            reading.send(None)
        assert stopped.value.value is None


@pytest.mark.parametrize("size, turns", [(0, 0), (PIECE_BYTES, 0), (PIECE_BYTES + 1, 1), (3 * PIECE_BYTES, 2)])
async def test_a_digest_lets_others_have_their_turn_after_each_piece(size: int, turns: int) -> None:
    body = os.urandom(size)
    with await source_file(body) as file, counted_turns() as passed:
        assert await digest_of(body) == hashlib.sha256(body).digest()
        assert passed() == turns
        assert await digest(file) == hashlib.sha256(body).digest()
        assert passed() == 2 * turns


def test_a_piece_takes_a_loop_no_longer_than_a_hit_may_wait() -> None:
    """Copied or hashed, at a gigabyte a second and less."""
    assert PIECE_BYTES <= 256 * 1024

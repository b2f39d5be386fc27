from __future__ import annotations

import hashlib

import pytest

from domicile.service import killers as subject
from domicile.service.killers import Killers
from domicile.service.pool_files import SourceFile, digest, source_file


async def test_what_killed_is_known_by_its_bytes_and_its_job() -> None:
    killers = Killers(10)
    with await source_file(b"bad") as bad, await source_file(b"bad") as same, await source_file(b"sad") as other:
        await killers.remember(bad, b"job")
        assert await killers.knows(same, b"job")
        assert not await killers.knows(same, b"another job")
        assert not await killers.knows(other, b"job")


async def test_the_memory_is_bounded_and_forgets_who_was_longest_away() -> None:
    killers = Killers(2)
    files = [await source_file(b"x" * (number + 1)) for number in range(3)]
    await killers.remember(files[0], b"")
    await killers.remember(files[1], b"")
    assert await killers.knows(files[0], b"")  # met again: 1 is now the oldest
    await killers.remember(files[2], b"")
    assert len(killers) == 2
    assert [await killers.knows(file, b"") for file in files] == [True, False, True]
    for file in files:
        file.close()


async def test_remembering_twice_counts_once_and_forgetting_forgets_the_length_too() -> None:
    killers = Killers(1)
    with await source_file(b"a") as first, await source_file(b"bb") as second:
        await killers.remember(first, b"")
        await killers.remember(first, b"")
        await killers.remember(second, b"")
        assert not killers._sizes[1]
        assert killers._sizes[2] == 1


async def test_a_memory_of_nothing_remembers_nothing() -> None:
    killers = Killers(0)
    with await source_file(b"a") as file:
        await killers.remember(file, b"")
        assert not await killers.knows(file, b"")
        assert len(killers) == 0


async def test_a_source_of_an_innocent_length_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(source: SourceFile, job: bytes) -> bytes:
        raise AssertionError("hashed")

    killers = Killers(10)
    with await source_file(b"bad") as bad, await source_file(b"innocent") as good:
        await killers.remember(bad, b"")
        monkeypatch.setattr(subject, "digest", never)
        assert not await killers.knows(good, b"")


async def test_the_key_is_sha256() -> None:
    with await source_file(b"x" * 3_000_000) as file:
        expected = hashlib.sha256(hashlib.sha256(b"x" * 3_000_000).digest() + b"job").digest()
        assert await digest(file, b"job") == expected

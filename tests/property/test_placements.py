"""I20: the placement ledger and reality are the same, in both directions, whatever happens to an asset; and a crawler that is
shown a difference finds it, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from origin.records import Records
from tests.infra.lives import STEPS, Life, Step
from tests.infra.records import crawled, name, opened, upload

EXAMPLES = 12
numbers = count()


class World:
    """Records on a disk that is looked at from outside."""

    def __init__(self, records: Records, originals: Path) -> None:
        self.records = records
        self.originals = originals

    def files(self) -> list[Path]:
        return sorted(path for path in self.originals.rglob("*") if path.is_file())

    def stored(self) -> set[str]:
        return {path.name for path in self.files()}

    async def live(self, steps: list[Step]) -> None:
        life = Life(self.records, self.stored, number=next(numbers))
        for step in steps:
            await life.do(step)
        await life.check()
        await self.differ()
        await life.end()
        assert self.stored() == set()

    async def differ(self) -> None:
        """Planted differences are found, each as what it is, and are over when they are undone."""
        record = (await upload(self.records, name(f"differs/{next(numbers)}"))).record
        (file,) = [path for path in self.files() if path.name == record.aid]
        orphan = file.with_name(file.name[:2] + os.urandom(15).hex())
        file.rename(orphan)
        os.utime(orphan, (0, 0))
        found = await crawled(self.records)
        told = {(one.difference, one.version_id) for one in found.examples}
        assert told == {("unlisted", orphan.name), ("phantom", record.aid)}
        assert (found.unlisted, found.phantom, found.strangers) == (1, 1, 0)
        orphan.rename(file)
        assert (await crawled(self.records)).total == 0
        await self.records.destroy(record.name)


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, World]]:
    directory: Path = tmp_path_factory.mktemp("placements")
    with asyncio.Runner() as runner:
        context = opened(directory)
        records = runner.run(context.__aenter__())
        yield runner, World(records, directory / "data" / "originals")
        runner.run(context.__aexit__(None, None, None))


@given(st.lists(STEPS, min_size=4, max_size=14))
@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.reuse, Phase.generate])
def test_ledger_and_reality_are_the_same_whatever_happens(
    at_work: tuple[asyncio.Runner, World], steps: list[Step]
) -> None:
    runner, world = at_work
    runner.run(world.live(steps))

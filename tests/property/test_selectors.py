"""What an erase takes is what matches at its place of the journal, however many changes come at the same time: all that has
happened is as if one thing had happened after the other, in the order of the numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domicile.media.asset import Aid, AssetId
from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.journal import Kind
from origin.records import AssetRecord, Filter, PurgeTargets, Records
from tests.infra.records import CLOUD, name, opened, upload

NAMES = st.integers(0, 2)
UPLOADS = st.tuples(st.just("upload"), NAMES, st.booleans(), st.booleans())
STEPS = st.one_of(
    UPLOADS,
    st.tuples(st.just("label"), NAMES, st.booleans()),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("destroy"), NAMES),
    st.tuples(st.just("erase"), st.sampled_from(["tag", "subject", "search"])),
)
Step = tuple[Any, ...]


@dataclass
class Version:
    aid: Aid
    asset_id: AssetId
    backup: bool
    matches: bool


@dataclass
class Sequential:
    """The same, one step after the other."""

    living: dict[str, Version] = field(default_factory=dict)
    kept: list[Version] = field(default_factory=list)

    def take(self, by: str) -> set[Aid]:
        assets = {one.asset_id for one in self.living.values() if one.matches}
        old = [one for one in self.kept if one.asset_id in assets or (one.matches and by != "search")]
        taken = {one.aid for one in (*old, *(one for one in self.living.values() if one.matches))}
        self.living = {at: one for at, one in self.living.items() if one.aid not in taken}
        self.kept = [one for one in self.kept if one.aid not in taken]
        return taken

    def end(self, at: str) -> None:
        ended = self.living.pop(at, None)
        if ended is not None:
            self.kept += [ended] * ended.backup
            for one in self.kept:
                one.matches |= ended.matches and one.asset_id == ended.asset_id

    def put(self, at: str, record: AssetRecord, *, backup: bool, matches: bool) -> None:
        self.end(at)
        self.living[at] = Version(record.aid, record.asset_id, backup, matches)


@dataclass
class Run:
    """One example, in names of its own."""

    records: Records
    number: int

    def name_of(self, at: int) -> str:
        return f"{self.number}/{at}"

    def carries(self, matches: bool) -> dict[str, Any]:
        """Whatever an erase looks for, all of it or nothing."""
        label = f"x{self.number}"
        return {"tags": (label,), "subject_ids": (label,)} if matches else {"tags": (), "subject_ids": ()}

    async def do(self, step: Step) -> tuple[int, Step, Any] | None:
        """With its number in the journal; None when there was nothing to do."""
        records, kind = self.records, step[0]
        try:
            if kind == "upload":
                _, at, matches, backup = step
                done = await upload(records, name(self.name_of(at)), backup=backup, **self.carries(matches))
                return done.head.seq, step, done.record
            if kind == "label":
                carried = self.carries(step[2])
                done = await records.edit([name(self.name_of(step[1]))], lambda record: replace(record, **carried))
                return done.head.seq, step, None
            if kind == "rename":
                done = await records.rename(name(self.name_of(step[1])), self.name_of(step[2]))
                return done.head.seq, step, None
            if kind == "destroy":
                removed = await records.destroy(name(self.name_of(step[1])))
                return None if removed is None else (removed.head.seq, step, None)
            statement = await records.erase(CLOUD, self.targets(step[1]))
        except (AssetNotFound, AssetExists):
            return None
        return int(statement.body["journal"]["seq"]), step, None

    def targets(self, by: str) -> PurgeTargets:
        label = f"x{self.number}"
        return {
            "tag": PurgeTargets(tags=(label,)),
            "subject": PurgeTargets(subjects=(label,)),
            "search": PurgeTargets(searches=(f"tags={label}",)),
        }[by]

    async def check(self, first: list[Step], at_once: list[Step]) -> None:
        before = (await self.records.head(CLOUD)).seq
        done = [await self.do(step) for step in first]
        done += await asyncio.gather(*map(self.do, at_once))
        entries = {entry.seq: entry for entry in (await self.records.entries({CLOUD: before}, wait_seconds=0)).entries}
        model = Sequential()
        for seq, step, record in sorted((one for one in done if one is not None), key=lambda one: one[0]):
            self.replay(model, step, record, entries[seq])
        page = await self.records.list(CLOUD, Filter(prefix=f"{self.number}/"), max_results=500)
        found = {record.name.public_id: record.aid for record in page.records}
        assert found == {at: one.aid for at, one in model.living.items()}
        assert {one.aid for one in model.kept} == {
            one.record.aid for at in range(3) for one in await self.records.backups.of_name(name(self.name_of(at)))
        } | {
            one.record.aid
            for asset_id in {one.asset_id for one in model.kept}
            for one in await self.records.backups.of_asset(CLOUD, asset_id)
        }

    def replay(self, model: Sequential, step: Step, record: Any, entry: Any) -> None:
        match step:
            case ("upload", at, matches, backup):
                model.put(self.name_of(at), record, backup=backup, matches=matches)
            case ("label", at, matches):
                model.living[self.name_of(at)].matches = matches
            case ("rename", old, new) if old != new:
                assert self.name_of(new) not in model.living
                model.living[self.name_of(new)] = model.living.pop(self.name_of(old))
            case ("destroy", at):
                model.end(self.name_of(at))
            case ("erase", by):
                assert entry.kind == Kind.ERASE
                assert set(entry.aids) == model.take(by), step
            case _:
                assert step[0] == "rename", "to the name that it has"


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Records]]:
    directory: Path = tmp_path_factory.mktemp("selectors")
    with asyncio.Runner() as runner:
        context = opened(directory)
        records = runner.run(context.__aenter__())
        yield runner, records
        runner.run(context.__aexit__(None, None, None))


numbers = count()


@given(st.lists(UPLOADS, min_size=2, max_size=4), st.lists(STEPS, min_size=3, max_size=8))
@settings(
    max_examples=15, deadline=None, phases=[Phase.reuse, Phase.generate]
)  # no two runs are the same: no shrinking
def test_an_erase_takes_what_matches_at_its_place_of_the_journal(
    at_work: tuple[asyncio.Runner, Records], first: list[Step], at_once: list[Step]
) -> None:
    runner, records = at_work
    runner.run(Run(records, next(numbers)).check(first, at_once))

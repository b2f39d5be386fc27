"""Originals that are kept for a moment: what saves a fetch, and everything that must not be saved by it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Kind
from domicile.service.pool_files import SourceFile
from edge.delivery_settings import CacheSettings
from edge.originals import KEPT_MAX, KeptOriginals, Read
from edge.store.port import Judged
from tests.unit.edge.rig import Rig, grant, hash_of, policy

PATH = "/demo/image/upload/w_{}/v1/jane.png"
MIB = 1024 * 1024


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("jane", b"jane")
        yield opened


async def test_ten_sizes_of_a_picture_fetch_it_once_and_ask_for_each_what_it_is(rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(rig.get(PATH.format(width))) for width in range(10, 20)]
    assert {one.result().status for one in asked} == {200}
    assert (rig.origin.blobs, rig.origin.resolves) == (1, 10)
    assert rig.parts.tiers.originals.bytes_used == len(b"jane")


@pytest.mark.parametrize("kind", [Kind.ASSET, Kind.RESTRICT, Kind.ALL, Kind.CONFIG])
async def test_after_an_entry_that_means_it_an_original_is_fetched_anew(rig: Rig, kind: str) -> None:
    await rig.get(PATH.format(10))
    aids = (rig.origin.assets["upload/jane"].aid,) if kind in {Kind.ASSET, Kind.RESTRICT} else ()
    await rig.entry(kind, aids=aids)
    assert len(rig.parts.tiers.originals) == 0
    assert (await rig.get(PATH.format(11))).status == 200
    assert rig.origin.blobs == 2


async def test_an_entry_of_another_asset_leaves_it(rig: Rig) -> None:
    await rig.get(PATH.format(10))
    await rig.entry(Kind.ERASE, aids=(Aid("0" * 32),))
    await rig.get(PATH.format(11))
    assert rig.origin.blobs == 1


async def test_an_erase_ends_it(rig: Rig) -> None:
    await rig.get(PATH.format(10))
    gone = rig.origin.assets.pop("upload/jane")
    await rig.entry(Kind.ERASE, aids=(gone.aid,))
    assert len(rig.parts.tiers.originals) == 0
    assert (await rig.get(PATH.format(11))).status == 404


async def test_what_was_read_before_a_name_moved_is_not_used_under_it_and_the_next_one_is_kept(rig: Rig) -> None:
    await rig.get(PATH.format(10))
    await rig.entry(Kind.NAME, names=(hash_of("jane"),))
    assert [(await rig.get(PATH.format(11))).cache for _ in range(2)] == ["fwd=uri-miss", "hit"]
    assert rig.origin.blobs == 2


async def test_what_is_fetched_while_it_is_purged_is_not_kept(rig: Rig) -> None:
    rig.origin.body_gate.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH.format(10)))
        await asyncio.wait_for(rig.origin.body_gate.reached.wait(), 2)
        await rig.entry(Kind.ASSET, aids=(rig.origin.assets["upload/jane"].aid,))
        rig.origin.body_gate.open()
    assert early.result().status == 200
    assert rig.origin.blobs == 2  # what it had fetched was void; it began anew


async def test_what_is_fetched_while_copies_become_forbidden_is_not_kept(rig: Rig) -> None:
    rig.origin.body_gate.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH.format(10)))
        await asyncio.wait_for(rig.origin.body_gate.reached.wait(), 2)
        await rig.configure(policy(zones={"cache": []}), revision=2)
        rig.origin.body_gate.open()
    assert early.result().status == 200
    assert len(rig.parts.tiers.originals) == 0


async def test_the_end_of_the_lease_ends_it(rig: Rig) -> None:
    await rig.get(PATH.format(10))
    rig.parts.tiers.on_lock()
    assert len(rig.parts.tiers.originals) == 0


async def test_where_copies_are_forbidden_none_is_kept(rig: Rig) -> None:
    grant(rig.link, policy(zones={"cache": []}))
    for width in (10, 11):
        assert (await rig.get(PATH.format(width))).status == 200
    assert (rig.origin.blobs, len(rig.parts.tiers.originals)) == (2, 0)


@pytest.mark.parametrize(("seconds", "blobs"), [(0, 2), (60, 1)])
async def test_none_outlives_what_the_policy_allows_a_copy(rig: Rig, seconds: int, blobs: int) -> None:
    grant(rig.link, policy(lifetimes={"edge_seconds_max": seconds}))
    for width in (10, 11):
        await rig.get(PATH.format(width))
    assert rig.origin.blobs == blobs


async def test_who_gets_no_key_gets_no_kept_original_either(rig: Rig) -> None:
    await rig.get(PATH.format(10))
    rig.origin.transforms = False
    assert (await rig.get(PATH.format(11))).status == 451


async def test_nothing_is_kept_where_the_setting_says_so(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, cache=CacheSettings(originals_bytes_max=0, disk_bytes_max=0)) as rig:
        rig.origin.upload("jane", b"jane")
        for width in (10, 11):
            await rig.get(PATH.format(width))
        assert rig.origin.blobs == 2


# --- by itself --------------------------------------------------------------------------------------------------------


@dataclass
class Shelf:
    now: float = 0.0
    stale: set[str] = field(default_factory=set)
    kept: KeptOriginals = field(init=False)

    def __post_init__(self) -> None:
        self.kept = KeptOriginals(bytes_max=100, seconds_max=10.0, is_fresh=self._is_fresh, clock=lambda: self.now)

    def _is_fresh(self, judged: Judged) -> bool:
        return not self.stale & {*judged.contributors, *judged.names}

    def put(self, aid: str, size: int = 1, seconds_max: float = 60.0) -> None:
        read = Read(tenant="demo", aid=Aid(aid), epoch=1, sequence=4, contributors=(Aid(aid),))
        with SourceFile() as source:
            source.write(b"x" * size)
            self.kept.put(read, source, seconds_max=seconds_max)

    def has(self, aid: str, *, epoch: int = 1, contributor: str = "", name: str = "") -> bool:
        found = self.kept.get("demo", Aid(aid), epoch=epoch, contributors=(Aid(contributor),), names=(NameHash(name),))
        if found is None:
            return False
        source, sequence = found
        with source:
            assert sequence == 4
            assert os.pread(source.fileno(), 1, 0) == b"x"
        return True


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.kept.clear()


def test_the_oldest_goes_when_bytes_or_descriptors_run_out(shelf: Shelf) -> None:
    for aid in ("a", "b", "c"):
        shelf.put(aid, 40)
    assert [shelf.has(aid) for aid in ("a", "b", "c")] == [False, True, True]
    shelf.put("large", 101)
    assert (shelf.has("large"), shelf.kept.bytes_used) == (False, 80)
    for number in range(KEPT_MAX + 5):
        shelf.put(f"n{number}")
    assert len(shelf.kept) == KEPT_MAX
    shelf.kept.clear()
    assert (len(shelf.kept), shelf.kept.bytes_used) == (0, 0)


def test_without_a_descriptor_to_spare_it_is_not_kept_and_not_had(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(descriptor: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    shelf.put("a")
    monkeypatch.setattr("os.dup", refused)
    shelf.put("b")
    assert not shelf.has("a")
    assert (len(shelf.kept), shelf.kept.bytes_used) == (0, 0)


def test_it_is_kept_for_a_moment_and_no_longer_than_a_policy_says(shelf: Shelf) -> None:
    shelf.put("a")
    shelf.put("b", seconds_max=3.0)
    shelf.put("c", seconds_max=0.0)
    assert [shelf.has(aid) for aid in ("a", "b", "c")] == [True, True, False]
    shelf.now = 3.0
    shelf.kept.sweep()
    assert (len(shelf.kept), shelf.has("a")) == (1, True)
    shelf.now = 10.0
    assert not shelf.has("a")


def test_it_is_judged_with_all_that_is_made_of_it(shelf: Shelf) -> None:
    for stale in ("logo", "name", "a"):
        shelf.stale.clear()
        shelf.put("a")
        assert shelf.has("a", contributor="logo", name="name")
        shelf.stale = {stale}
        assert not shelf.has("a", contributor="logo", name="name")


def test_what_came_from_before_a_failover_is_not_used(shelf: Shelf) -> None:
    shelf.put("a")
    assert not shelf.has("a", epoch=2)


def test_what_is_stale_when_it_arrives_is_not_kept(shelf: Shelf) -> None:
    shelf.stale = {"a"}
    shelf.put("a")
    assert len(shelf.kept) == 0

"""What an entry of each kind does to what a worker holds, through the whole worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.errors import UndecodableMedia
from domicile.media.journal import Kind
from tests.unit.edge.rig import Rig, hash_of

PATHS = {name: f"/demo/image/upload/w_10/v1/{name}.png" for name in ("mine", "other")}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        for name, path in PATHS.items():
            opened.origin.upload(name, name.encode())
            await opened.get(path)
        await asyncio.sleep(0.05)
        yield opened


def held(rig: Rig) -> tuple[int, int]:
    """Objects in memory, files on disk."""
    return len(rig.parts.tiers.lookup.memory), len(list(rig.settings.cache_path.glob("??/*")))


@pytest.mark.parametrize("kind", [Kind.ASSET, Kind.ERASE, Kind.RESTRICT])
async def test_an_entry_with_an_aid_drops_that_asset_alone(rig: Rig, kind: str) -> None:
    await rig.entry(kind, aids=(rig.origin.assets["upload/mine"].aid,))
    assert held(rig) == (1, 1)
    assert (await rig.get(PATHS["other"])).cache == "hit"
    assert rig.pool.retired == (1 if kind == Kind.ERASE else 0)


async def test_an_entry_with_a_name_drops_what_was_found_under_it(rig: Rig) -> None:
    await rig.entry(Kind.NAME, names=(hash_of("mine"),))
    assert held(rig) == (1, 1)


async def test_a_purge_of_everything_drops_everything(rig: Rig) -> None:
    await rig.entry(Kind.ALL)
    assert held(rig) == (0, 0)


async def test_an_erase_leaves_no_path_of_what_could_not_be_made(rig: Rig) -> None:
    """A refusal is kept by its cache key, which holds the name in the clear."""
    asset = rig.origin.upload("people/jane", b"jane")
    rig.pool.error = UndecodableMedia("Invalid image file")
    for name in ("people/jane", "other"):
        assert (await rig.get(f"/demo/image/upload/w_20/v1/{name}.png")).status == 400
    refusals = rig.parts.tiers.refusals
    assert len(refusals) == 2
    await rig.entry(Kind.ERASE, aids=(asset.aid,), names=(hash_of("people/jane"),))
    assert len(refusals) == 1
    await rig.entry(Kind.ALL)
    assert len(refusals) == 0


async def test_a_new_configuration_drops_nothing_but_what_was_decided_by_the_old_one(rig: Rig) -> None:
    rig.parts.tiers.verdicts.learn("demo", "/x")
    await rig.entry(Kind.CONFIG)
    assert held(rig) == (2, 2)
    assert len(rig.parts.tiers.verdicts) == 0


async def test_a_legal_hold_drops_nothing_when_it_is_laid_or_lifted(rig: Rig) -> None:
    aid = rig.origin.assets["upload/mine"].aid
    await rig.entry(Kind.HOLD, aids=(aid,), names=(hash_of("a hold"),))
    await rig.entry(Kind.RELEASE, names=(hash_of("a hold"),))
    assert held(rig) == (2, 2)
    assert (await rig.get(PATHS["mine"])).cache == "hit"
    assert rig.pool.retired == 0


async def test_the_end_of_the_lease_leaves_nothing_in_the_clear(rig: Rig) -> None:
    rig.parts.tiers.on_lock()
    assert held(rig) == (0, 2)  # sealed files may stay, their keys are gone


async def test_an_entry_the_object_was_read_after_leaves_it_in_place(rig: Rig) -> None:
    rig.origin.sequence = 10
    asset = rig.origin.upload("late", b"late")
    await rig.get("/demo/image/upload/w_10/v1/late.png")
    rig.origin.sequence = 1
    await rig.entry(Kind.ASSET, aids=(asset.aid,))
    assert (await rig.get("/demo/image/upload/w_10/v1/late.png")).cache == "hit"

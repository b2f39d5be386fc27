"""Files that are too large to be held: each viewer's are read from the origin as he takes them, and none is kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from domicile.media.journal import Kind
from edge.delivery_settings import DeliverySettings
from tests.unit.edge.rig import Rig, hash_of, policy

PATH = "/demo/image/upload/v1/film.bin"
SMALL, LARGE = os.urandom(99_999), os.urandom(2_500_001)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    delivery = DeliverySettings(progress_seconds_max=5.0, fill_seconds_max=5.0, relayed_bytes_min=100_000)
    async with Rig.open(tmp_path / "edge", delivery=delivery) as opened:
        yield opened


def keep(rig: Rig, name: str, body: bytes) -> Any:
    asset = rig.origin.upload(name, body)
    asset.format = "raw"
    return asset


async def test_it_comes_whole_each_time_and_nothing_of_it_is_kept(rig: Rig) -> None:
    keep(rig, "film.bin", LARGE)
    for _ in range(2):
        got = await rig.get(PATH)
        assert (got.status, got.body == LARGE, got.cache) == (200, True, "fwd=uri-miss")
        assert got.headers["Content-Length"] == str(len(LARGE))
    assert len(rig.parts.tiers.lookup.memory) == 0
    assert [file for file in rig.settings.cache_path.glob("??/*") if file.is_file()] == []
    assert len(rig.parts.tiers.originals) == 0


async def test_a_smaller_one_is_kept_as_ever(rig: Rig) -> None:
    keep(rig, "film.bin", SMALL)
    assert (await rig.get(PATH)).body == SMALL
    assert (await rig.get(PATH)).cache == "hit"


async def test_parts_of_it_are_read_from_where_they_lie(rig: Rig) -> None:
    keep(rig, "film.bin", LARGE)
    for start, end in ((0, 1), (65_535, 65_537), (70_000, 2_200_000), (len(LARGE) - 1, len(LARGE))):
        got = await rig.get(PATH, Range=f"bytes={start}-{end - 1}")
        assert (got.status, got.body == LARGE[start:end]) == (206, True), (start, end)
        assert got.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"
    assert (await rig.get(PATH, Range=f"bytes={len(LARGE)}-")).status == 416


async def test_a_head_and_a_validator_read_nothing(rig: Rig) -> None:
    asset = keep(rig, "film.bin", LARGE)
    head = await rig.request("HEAD", PATH)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(LARGE)))
    assert head.headers["ETag"] == f'"{asset.facts.md5}"'
    assert (await rig.get(PATH, If_None_Match=head.headers["ETag"])).status == 304
    assert rig.origin.blobs == 0


HUGE_BYTES = 40_000_000
"""More than the kernel takes for a viewer who does not read."""


async def _cut_after(rig: Rig, meanwhile: Any) -> int:
    """How many bytes came of a huge file, of which a viewer had read some when something happened."""
    url, got = URL(f"http://127.0.0.1:{rig.port}{PATH}"), 0
    async with rig.http.get(url) as response:
        got += len(await response.content.readexactly(10_000))
        await meanwhile()
        with pytest.raises(aiohttp.ClientPayloadError):
            while piece := await response.content.readany():
                got += len(piece)
    return got


async def test_an_erasure_in_the_middle_of_it_cuts_it_off(rig: Rig) -> None:
    asset = keep(rig, "film.bin", bytes(HUGE_BYTES))

    async def erased() -> None:
        await rig.entry(Kind.ERASE, aids=(asset.aid,), names=(hash_of("film.bin"),))

    assert await _cut_after(rig, erased) < HUGE_BYTES


async def test_an_origin_that_has_it_no_more_cuts_it_off(rig: Rig) -> None:
    keep(rig, "film.bin", bytes(HUGE_BYTES))

    async def gone() -> None:
        rig.origin.assets.clear()

    assert await _cut_after(rig, gone) < HUGE_BYTES


async def test_a_policy_that_lets_no_originals_come_here_any_more_cuts_it_off(rig: Rig) -> None:
    keep(rig, "film.bin", bytes(HUGE_BYTES))

    async def denied() -> None:
        await rig.link.regrant(policy(zones={"transform": []}), revision=2)

    assert await _cut_after(rig, denied) < HUGE_BYTES


async def test_a_region_that_may_not_transform_gets_none_of_it(rig: Rig) -> None:
    keep(rig, "film.bin", LARGE)
    rig.origin.transforms = False
    assert (await rig.get(PATH)).status in {403, 451, 503}
    assert rig.origin.blobs == 0

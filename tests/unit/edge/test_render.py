"""What a decoder is asked to do for a program, and which changes of the asset make the result void."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from domicile.media.keys import LABELS
from tests.unit.edge.rig import Rig, hash_of

TAGGED = "/demo/image/upload/if_!sale!_in_tags/e_grayscale/if_else/e_sharpen/if_end/v1/pic.png"
SIZED = "/demo/image/upload/$half_iw_div_2/c_scale,w_$half/if_h_lt_20/e_grayscale/if_end/v1/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_a_decoder_gets_what_the_program_comes_to_for_this_picture(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")  # 40x30
    assert (await rig.get(SIZED)).body == b"one|c_scale,w_20/e_grayscale|"
    assert (await rig.get(SIZED)).cache == "hit"


async def test_tags_leave_the_origin_only_for_a_transformation_that_reads_them(rig: Rig) -> None:
    rig.origin.upload("pic", b"one").tags = ("sale",)
    await rig.get(SIZED)
    assert [asked.labels for asked in rig.origin.asked] == [False]
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"
    assert [asked.labels for asked in rig.origin.asked] == [False, True]


async def test_a_change_of_tags_voids_what_a_condition_on_tags_gave_and_nothing_else(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    assert (await rig.get(TAGGED)).body == b"one|e_sharpen|"
    await rig.get(SIZED)
    asset.tags = ("sale",)
    await rig.entry(Kind.NAME, names=(hash_of("pic", kind=LABELS),))
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"
    assert (await rig.get(TAGGED)).cache == "hit"
    assert (await rig.get(SIZED)).cache == "hit"


async def test_a_change_of_tags_in_the_middle_of_a_fill_is_not_outrun(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    held = rig.pool.gate
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(TAGGED))
        await asyncio.wait_for(held.reached.wait(), 2)
        asset.tags = ("sale",)
        await rig.entry(Kind.NAME, names=(hash_of("pic", kind=LABELS),))
        held.open()
    assert early.result().body == b"one|e_grayscale|"
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"


async def test_a_program_that_comes_to_nothing_sensible_is_refused_by_name(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    got = await rig.get("/demo/image/upload/w_iw_sub_100/v1/pic.png")
    assert (got.status, got.headers["X-Cld-Error"]) == (400, "Invalid transformation component - w_-60")
    assert rig.pool.renders == 0

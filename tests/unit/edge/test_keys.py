"""What a request is called, and what becomes of that when a named transformation changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.pending import Hints
from tests.unit.edge.rig import CLOUD, Rig, asked_of, hash_of, policy

PATH = "/demo/image/upload/t_mine/v1/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        await opened.configure(policy(), revision=2, named={"mine": "c_scale,w_20"})
        yield opened


async def test_a_name_is_the_same_object_as_what_it_means(rig: Rig) -> None:
    assert (await rig.get(PATH)).body == b"one|c_scale,w_20|"
    assert (await rig.get("/demo/image/upload/c_scale,w_20/v1/pic.png")).cache == "hit"


async def test_a_change_of_a_name_is_seen_at_once_and_what_it_meant_stays_what_it_is(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.configure(policy(), revision=3, named={"mine": "c_scale,w_30"})
    assert (await rig.get(PATH)).body == b"one|c_scale,w_30|"
    assert (await rig.get("/demo/image/upload/c_scale,w_20/v1/pic.png")).cache == "hit"
    await rig.configure(policy(), revision=4)
    got = await rig.get(PATH)
    assert (got.status, got.headers["X-Cld-Error"]) == (400, "Invalid transformation component - t_mine")


@pytest.mark.parametrize("gate", ["resolve", "head", "render", "store"])
async def test_a_change_of_a_name_in_the_middle_of_a_fill_is_not_outrun(rig: Rig, gate: str) -> None:
    held = {
        "resolve": rig.origin.resolve_gate,
        "head": rig.origin.head_gate,
        "render": rig.pool.gate,
        "store": rig.link.store_gate,
    }[gate]
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH))
        await asyncio.wait_for(held.reached.wait(), 2)
        await rig.configure(policy(), revision=3, named={"mine": "c_scale,w_30"})
        held.open()
        late = await rig.get(PATH)
    assert late.body == b"one|c_scale,w_30|"
    if gate != "store":  # there it was given before
        assert early.result().body == late.body
    assert (await rig.get(PATH)).body == late.body


async def test_one_that_this_version_does_not_understand_is_refused_by_its_name_alone(rig: Rig) -> None:
    await rig.configure(policy(), revision=3, named={"mine": "zz_9", "yours": "w_5"})
    assert (await rig.get(PATH)).status == 400
    assert (await rig.get(PATH.replace("mine", "yours"))).status == 200


async def test_screens_of_a_class_share_a_key_and_the_answer_says_what_it_follows(rig: Rig) -> None:
    path = "/demo/image/upload/dpr_auto,w_10/v1/pic.png"
    state = rig.link.tenants[CLOUD]
    keys = [asked_of(path, state, Hints(dpr=dpr)).ways[0].key for dpr in ("", "1.0", "1.2", "2")]
    assert [keys.index(key) for key in keys] == [0, 0, 2, 2]
    got = await rig.get(path, DPR="1.2")
    assert got.headers["Vary"].split(", ") == got.headers["Accept-CH"].split(", ") == ["DPR", "Sec-CH-DPR"]


async def test_every_name_that_may_change_the_answer_closes_its_flight(rig: Rig) -> None:
    path = "/demo/image/upload/d_nobody.png/if_!sale!_in_tags/w_5/if_end/v1/pic.png"
    asked = asked_of(path, rig.link.tenants[CLOUD])
    assert set(asked.marks) == {
        *(hash_of(name, kind=kind) for name in ("pic", "nobody") for kind in ("name", "labels"))
    }

"""Strict transformations at the edge: who has not signed gets originals and allowed names, whatever lies in the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.edge.rig import Rig, policy

STRICT = policy(strict_transformations=True)
NAMED = {"mine": "c_scale,w_20", "yours": "c_scale,w_30", "both": "e_grayscale/w_5"}
BASE = "/demo/image/upload"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


async def strict(rig: Rig) -> None:
    await rig.configure(STRICT, revision=2, named=NAMED, allowed=("both", "mine"))


@pytest.mark.parametrize(
    "text",
    ["w_5", "t_yours", "t_mine.yours", "t_mine,w_5", "t_mine/w_5", "$w_5/t_mine", "w_auto", "dpr_auto", "q_auto", "d_x.png",
     "if_w_gt_5/w_5/if_end", "fl_getinfo", "w_auto:breakpoints:json", "l_pic"],
)  # fmt: skip
async def test_what_nobody_signed_is_refused_in_cloudinarys_words(rig: Rig, text: str) -> None:
    await strict(rig)
    got = await rig.get(f"{BASE}/{text}/v1/pic.png")
    assert (got.status, got.headers["X-Cld-Error"], rig.pool.renders) == (401, "deny or ACL failure", 0)
    assert rig.origin.asked == []


@pytest.mark.parametrize("path", ["v1/pic.png", "pic", "v1/pic.jpg", "t_mine/v1/pic.png", "t_mine/t_both/v1/pic.png",
                                  "t_both.mine/v1/pic.png"])  # fmt: skip
async def test_originals_and_allowed_names_are_delivered(rig: Rig, path: str) -> None:
    await strict(rig)
    assert (await rig.get(f"{BASE}/{path}")).status == 200


async def test_what_is_signed_is_delivered_and_what_is_signed_badly_is_not(rig: Rig) -> None:
    await strict(rig)
    assert (await rig.get(f"{BASE}/s--{rig.origin.good_signature}--/w_5/v1/pic.png")).status == 200
    assert (await rig.get(f"{BASE}/s--badsign8--/w_5/v1/pic.png")).status == 401


async def test_a_copy_that_was_made_for_a_signature_is_not_for_everybody(rig: Rig) -> None:
    await strict(rig)
    assert (await rig.get(f"{BASE}/s--{rig.origin.good_signature}--/w_5/v1/pic.png")).status == 200
    assert (await rig.get(f"{BASE}/w_5/v1/pic.png")).status == 401


async def test_it_holds_from_the_moment_that_the_policy_says_so(rig: Rig) -> None:
    path = f"{BASE}/w_5/v1/pic.png"
    assert (await rig.get(path)).status == 200
    assert (await rig.get(path)).cache == "hit"
    await strict(rig)
    assert (await rig.get(path)).status == 401
    assert (await rig.get(f"{BASE}/t_mine/v1/pic.png")).status == 200
    await rig.configure(STRICT, revision=3, named=NAMED, allowed=("both",))
    assert (await rig.get(f"{BASE}/t_mine/v1/pic.png")).status == 401
    await rig.configure(policy(), revision=4, named=NAMED)
    assert (await rig.get(path)).status == 200


async def test_a_path_that_may_be_read_as_a_name_is(rig: Rig) -> None:
    rig.origin.upload("w_5/pic", b"two")
    await strict(rig)
    got = await rig.get(f"{BASE}/w_5/pic.png")
    assert (got.status, got.body[:3]) == (200, b"two")

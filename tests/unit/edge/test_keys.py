"""What a request is called: what becomes of that when a name changes, and that no name gets around what a policy redacts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from domicile.media.pending import Hints
from tests.unit.edge.rig import CLOUD, Rig, asked_of, grant, hash_of, policy

REDACTED = policy(redaction={"faces": "pixelate", "folders": ["profiles"]})
HIDDEN = b"|pixelate_faces"
PATH = "/demo/image/upload/t_mine/v1/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        for name in ("profiles/jane", "garden"):
            opened.origin.upload(name, b"face")
            for kind in ("private", "authenticated"):
                opened.origin.upload(name, b"face", delivery_type=kind)
        opened.origin.upload("pic", b"one")
        yield opened


@pytest.fixture
async def named(rig: Rig) -> None:
    """One named transformation."""
    await rig.configure(policy(), revision=2, named={"mine": "c_scale,w_20"})


def use(rig: Rig, **changes: object) -> None:
    grant(rig.link, policy(**changes))


@pytest.mark.parametrize("originals", ["as-is", "stripped"])
@pytest.mark.parametrize(
    "path",
    [
        "/demo/image/upload/profiles/jane.png",
        "/demo/image/upload/profiles/jane",
        "/demo/image/upload/v1/profiles/jane.png",
        "/demo/image/upload/profiles/jane.jpg",
        "/demo/image/upload/w_10/profiles/jane.png",
        "/demo/image/upload/f_auto/profiles/jane",
        "/demo/image/upload/fl_attachment/profiles/jane.png",
        "/demo/image/upload/a_ignore/fl_getinfo/profiles/jane.png",
        "/demo/image/upload/%70rofiles/jane.png",
        "/demo/image/upload/s--goodsign--/profiles/jane.png",
        "/demo/image/private/w_10/profiles/jane.png",
        "/demo/image/private/s--goodsign--/profiles/jane.png",
        "/demo/image/authenticated/s--goodsign--/profiles/jane.png",
        "/demo/profiles/jane.png",
    ],
)
async def test_no_url_shows_it_otherwise(rig: Rig, path: str, originals: str) -> None:
    use(rig, redaction={"faces": "pixelate", "folders": ["profiles"]}, originals=originals)
    for _ in range(2):
        got = await rig.get(path)
        assert got.status == 200
        assert got.body.endswith(HIDDEN), got.body
    assert not got.headers["ETag"].startswith('"' + rig.origin.assets["upload/garden"].facts.md5), "it is no original"


async def test_other_folders_are_as_before(rig: Rig) -> None:
    grant(rig.link, REDACTED)
    assert (await rig.get("/demo/image/upload/w_10/garden.png")).body == b"face|w_10|"


@pytest.mark.parametrize("path", ["w_10/profiles/jane.png", "profiles/jane.png"])
async def test_a_policy_that_changes_leaves_no_copy_that_would_be_served(rig: Rig, path: str) -> None:
    path = f"/demo/image/upload/{path}"
    use(rig, originals="as-is")
    assert HIDDEN not in (await rig.get(path)).body
    assert (await rig.get(path)).cache == "hit"
    rig.link.tenants["demo"].policy = policy(originals="as-is", redaction={"faces": "pixelate"})
    await rig.entry(Kind.CONFIG)
    got = await rig.get(path)
    assert (got.body.endswith(HIDDEN), got.cache) == (True, "fwd=uri-miss")
    rig.link.tenants["demo"].policy = policy(originals="as-is", redaction={"faces": "blur"})
    await rig.entry(Kind.CONFIG)
    assert (await rig.get(path)).body.endswith(b"|blur_faces")


async def test_a_policy_that_keeps_less_leaves_no_copy_that_has_more(rig: Rig) -> None:
    path = "/demo/image/upload/fl_keep_iptc,w_10/profiles/jane.png"
    use(rig, metadata="iptc")
    await rig.get(path)
    assert (await rig.get(path)).cache == "hit"
    rig.link.tenants["demo"].policy = policy(metadata="none")
    await rig.entry(Kind.CONFIG)
    assert (await rig.get(path)).cache == "fwd=uri-miss"


async def test_a_copy_that_outlived_the_nodes_keys_is_not_opened_under_another_policy(rig: Rig) -> None:
    """The agent started again and knows no key; the origin's would open the file."""
    path = "/demo/image/upload/w_10/v1/profiles/jane.png"
    clear = await rig.get(path)
    await asyncio.sleep(0.05)
    use(rig, redaction={"faces": "pixelate"})
    rig.parts.tiers.lookup.memory.clear()
    rig.link.records.clear()
    hidden = await rig.get(path)
    assert hidden.body.endswith(HIDDEN)
    assert hidden.headers["ETag"] != clear.headers["ETag"]
    await asyncio.sleep(0.05)
    rig.parts.tiers.lookup.memory.clear()
    rig.link.records.clear()
    again = await rig.get(path)
    assert (again.body, rig.pool.renders) == (hidden.body, 2), "its own survivor is opened"


async def test_what_was_read_under_the_old_policy_is_not_shown_under_the_new_one(rig: Rig) -> None:
    """Its signature is judged while the policy changes."""
    rig.origin.resolve_gate.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get("/demo/image/upload/s--goodsign--/w_10/profiles/jane.png"))
        await asyncio.wait_for(rig.origin.resolve_gate.reached.wait(), 2)
        rig.link.tenants["demo"].policy = REDACTED
        rig.origin.resolve_gate.open()
    assert early.result().body.endswith(HIDDEN)
    again = await rig.get("/demo/image/upload/s--goodsign--/w_10/profiles/jane.png")
    assert again.body.endswith(HIDDEN)


async def test_only_a_good_signature_shows_it_and_only_where_the_policy_says_so(rig: Rig) -> None:
    use(rig, redaction={"faces": "pixelate", "except_signed": True})
    signed = await rig.get("/demo/image/upload/s--goodsign--/w_10/profiles/jane.png")
    assert signed.body == b"face|w_10|"
    assert (await rig.get("/demo/image/upload/s--badsign0--/w_10/profiles/jane.png")).status == 401
    assert (await rig.get("/demo/image/upload/w_10/profiles/jane.png")).body.endswith(HIDDEN)
    assert (await rig.get("/demo/image/private/w_10/profiles/jane.png")).body.endswith(HIDDEN)


async def test_what_was_redacted_is_reported_as_what_the_url_asked_for(rig: Rig) -> None:
    grant(rig.link, REDACTED)
    await rig.get("/demo/image/upload/w_10/profiles/jane.png")
    [reported] = rig.link.reported
    assert reported.transformation == "w_10"


@pytest.mark.usefixtures("named")
async def test_a_name_is_the_same_object_as_what_it_means(rig: Rig) -> None:
    assert (await rig.get(PATH)).body == b"one|c_scale,w_20|"
    assert (await rig.get("/demo/image/upload/c_scale,w_20/v1/pic.png")).cache == "hit"


@pytest.mark.usefixtures("named")
async def test_a_change_of_a_name_is_seen_at_once_and_what_it_meant_stays_what_it_is(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.configure(policy(), revision=3, named={"mine": "c_scale,w_30"})
    assert (await rig.get(PATH)).body == b"one|c_scale,w_30|"
    assert (await rig.get("/demo/image/upload/c_scale,w_20/v1/pic.png")).cache == "hit"
    await rig.configure(policy(), revision=4)
    got = await rig.get(PATH)
    assert (got.status, got.headers["X-Cld-Error"]) == (400, "Invalid transformation component - t_mine")


@pytest.mark.usefixtures("named")
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


@pytest.mark.usefixtures("named")
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
        *(hash_of(name, kind=kind) for name in ("pic", "nobody") for kind in ("name", "labels")),
        hash_of("nobody", kind="coordinates"),
    }


@pytest.mark.parametrize("missing", ["nothing", "garden/nothing"])
async def test_a_default_image_is_redacted_by_the_folder_that_it_is_in(rig: Rig, missing: str) -> None:
    """Else any URL of a name that does not exist would show it as it is."""
    grant(rig.link, REDACTED)
    got = await rig.get(f"/demo/image/upload/d_profiles:jane.png/v1/{missing}.png")
    assert (got.status, got.body.endswith(HIDDEN)) == (200, True)


STRICT = policy(strict_transformations=True)
NAMED = {"mine": "c_scale,w_20", "yours": "c_scale,w_30", "both": "e_grayscale/w_5"}
BASE = "/demo/image/upload"


async def strict(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
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
    rig.origin.upload("pic", b"one")
    assert (await rig.get(path)).status == 200
    assert (await rig.get(path)).cache == "hit"
    await rig.configure(STRICT, revision=2, named=NAMED, allowed=("both", "mine"))
    assert (await rig.get(path)).status == 401
    assert (await rig.get(f"{BASE}/t_mine/v1/pic.png")).status == 200
    await rig.configure(STRICT, revision=3, named=NAMED, allowed=("both",))
    assert (await rig.get(f"{BASE}/t_mine/v1/pic.png")).status == 401
    await rig.configure(policy(), revision=4, named=NAMED)
    assert (await rig.get(path)).status == 200


@pytest.mark.parametrize("text", ["w_5", "t_yours", "t_mine/w_5", "d_pic"])
async def test_without_a_version_it_is_refused_in_the_same_words(rig: Rig, text: str) -> None:
    """Nothing is called so; that the path can be read as a name does not make it one of what does not exist."""
    await strict(rig)
    for _ in range(2):
        got = await rig.get(f"{BASE}/{text}/pic.png")
        assert (got.status, got.headers["X-Cld-Error"], rig.pool.renders) == (401, "deny or ACL failure", 0)
    assert len(rig.origin.asked) == 1
    assert (await rig.get(f"{BASE}/t_mine/nothing.png")).status == 404


async def test_a_path_that_may_be_read_as_a_name_is(rig: Rig) -> None:
    await strict(rig)
    rig.origin.upload("w_5/pic", b"two")
    got = await rig.get(f"{BASE}/w_5/pic.png")
    assert (got.status, got.body[:3]) == (200, b"two")

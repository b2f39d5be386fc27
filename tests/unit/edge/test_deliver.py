"""The life of a request, end to end inside one process: what is fetched, what is kept, what a purge does to it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from domicile.media.errors import UndecodableMedia
from domicile.media.facts import STRIP_REVISION
from domicile.media.journal import Kind
from edge.counters import totals
from edge.store.sealed_body import SealedBody
from tests.unit.edge.rig import CLOUD, Rig, grant, hash_of, policy

PATH = "/demo/image/upload/w_10/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_a_miss_is_fetched_and_made_and_the_next_request_is_a_hit(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    first, second = await rig.get(PATH), await rig.get(PATH)
    assert (first.status, first.body, first.cache) == (200, b"one|w_10|", "fwd=uri-miss")
    assert (second.status, second.body, second.cache) == (200, b"one|w_10|", "hit")
    assert (rig.origin.resolves, rig.origin.blobs, rig.pool.renders) == (1, 1, 1)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert "Server" not in first.headers


# --- purge against fill: the next request is never the old bytes -------------------------------------------------------


async def test_a_purge_after_the_fill_makes_the_next_request_fetch_again(rig: Rig) -> None:
    rig.origin.upload("pic", b"old")
    await rig.get(PATH)
    await rig.overwrite("pic", b"new")
    assert (await rig.get(PATH)).body == b"new|w_10|"
    assert (await rig.get(PATH)).cache == "hit"


@pytest.mark.parametrize("gate", ["resolve", "head", "body", "render", "store"])
async def test_a_purge_in_the_middle_of_a_fill_is_never_outrun(rig: Rig, gate: str) -> None:
    held = {
        "resolve": rig.origin.resolve_gate,
        "head": rig.origin.head_gate,
        "body": rig.origin.body_gate,
        "render": rig.pool.gate,
        "store": rig.link.store_gate,
    }[gate]
    rig.origin.upload("pic", b"old")
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH))
        await asyncio.wait_for(held.reached.wait(), 2)
        await rig.overwrite("pic", b"new")
        held.open()
        late = await rig.get(PATH)
    assert late.body == b"new|w_10|"
    assert early.result().status == 200
    if gate != "store":  # there the old bytes had been handed over before the purge came
        assert early.result().body == b"new|w_10|"
    again = await rig.get(PATH)
    assert (again.body, again.cache) == (b"new|w_10|", "hit")
    await asyncio.sleep(0.05)
    kept = [rig.parts.tiers.lookup.memory.get(key) for key in rig.parts.tiers.lookup.memory]
    assert [stored.body for stored in kept if stored is not None] == [b"new|w_10|"]  # and the old bytes are nowhere
    assert len(list(rig.settings.cache_path.glob("??/*"))) == 1


async def test_a_fenced_fill_reaches_no_tier_even_for_a_moment(rig: Rig) -> None:
    rig.origin.upload("pic", b"old")
    rig.pool.gate.close()
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.pool.gate.reached.wait(), 2)
        await rig.overwrite("pic", b"new")
        rig.origin.resolve_gate.close()
        rig.pool.gate.open()
        await asyncio.wait_for(rig.origin.resolve_gate.reached.wait(), 2)  # it asks again: the first fill is over
        assert len(rig.parts.tiers.lookup.memory) == 0
        assert [file for file in rig.settings.cache_path.glob("??/*") if file.is_file()] == []
        assert rig.link.reported == []
        rig.origin.resolve_gate.open()


async def test_who_asks_after_a_purge_does_not_wait_for_what_was_begun_before(rig: Rig) -> None:
    rig.origin.upload("pic", b"old")
    rig.origin.body_gate.close()
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.origin.body_gate.reached.wait(), 2)
        asset = rig.origin.assets["upload/pic"]
        await rig.entry(Kind.ASSET, aids=(asset.aid,))
        rig.origin.body_gate.reached.clear()
        group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.origin.body_gate.reached.wait(), 2)  # a second fetch, while the first one stands
        rig.origin.body_gate.open()
    assert rig.origin.resolves >= 2


async def test_what_was_read_before_a_purge_never_reaches_a_tier(rig: Rig) -> None:
    rig.origin.upload("pic", b"old")
    rig.origin.resolve_gate.close()
    rig.origin.absent_status = 404
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.origin.resolve_gate.reached.wait(), 2)
        asset = rig.origin.assets.pop("upload/pic")
        await rig.entry(Kind.ERASE, aids=(asset.aid,), names=(hash_of("pic"),))
        rig.origin.resolve_gate.open()
    assert waiting.result().status == 404
    assert len(rig.parts.tiers.lookup.memory) == 0
    assert not [file for file in rig.settings.cache_path.glob("??/*") if file.is_file()]


async def test_a_purge_deletes_the_file_and_the_bytes_in_memory(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    await asyncio.sleep(0.05)
    assert len(list(rig.settings.cache_path.glob("??/*"))) == 1
    assert len(rig.parts.tiers.lookup.memory) == 1
    await rig.entry(Kind.ASSET, aids=(asset.aid,))
    assert list(rig.settings.cache_path.glob("??/*")) == []
    assert len(rig.parts.tiers.lookup.memory) == 0


async def test_an_entry_of_a_kind_we_do_not_know_purges_the_whole_tenant(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    await rig.entry("a kind of the future")
    assert (await rig.get(PATH)).cache == "fwd=uri-miss"


async def test_a_large_response_is_cut_off_when_its_object_is_purged(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    rig.pool.padding = 8 * 1024 * 1024
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=4096)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")  # and take nothing more: the rest waits in buffers
    assert len(rig.parts.app.responses) == 1
    await rig.entry(Kind.ASSET, aids=(asset.aid,))
    assert len(rig.parts.app.responses) == 0  # the moment the entry is applied, not when the viewer next reads
    got = b""
    with pytest.raises(ConnectionResetError):
        while piece := await asyncio.wait_for(reader.read(65536), 5):
            got += piece
    assert len(got) < 8 * 1024 * 1024
    writer.close()


# --- lease -----------------------------------------------------------------------------------------------------------


async def test_without_a_lease_nothing_is_served_not_even_a_hit(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    rig.link.lease(-1)
    refused = await rig.get(PATH)
    assert (refused.status, refused.body) == (503, b"")
    assert refused.headers["Retry-After"] == "2"
    assert "no-store" in refused.headers["Cache-Control"]
    rig.link.lease(60)
    assert (await rig.get(PATH)).cache == "hit"


async def test_a_hit_asks_the_origin_nothing(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    first = await rig.get(PATH)
    rig.origin.resolve_gate.close()
    rig.origin.head_gate.close()
    assert (await rig.get(PATH)).body == first.body
    assert rig.origin.resolves == 1


async def test_a_worker_behind_the_node_waits_a_moment_and_then_refuses(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    rig.link.page.applied += 1  # the agent has an entry that this worker never gets
    assert (await rig.get(PATH)).status == 503


async def test_the_end_of_a_lease_empties_memory_and_cuts_off_what_is_open(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    rig.parts.tiers.on_lock()
    assert len(rig.parts.tiers.lookup.memory) == 0
    assert rig.pool.retired == 1


async def test_a_response_is_cut_off_in_the_middle_when_the_lease_runs_out(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 8 * 1024 * 1024
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=4096)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    rig.link.lease(-1)
    with pytest.raises(ConnectionResetError):
        while await asyncio.wait_for(reader.read(65536), 5):
            pass
    writer.close()


# --- one fill for many -----------------------------------------------------------------------------------------------


async def test_fifty_requests_at_once_are_one_fetch_and_one_render(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(rig.get(PATH)) for _ in range(50)]
    assert {reply.result().body for reply in replies} == {b"one|w_10|"}
    assert (rig.origin.resolves, rig.origin.blobs, rig.pool.renders) == (1, 1, 1)
    assert any("collapsed" in reply.result().headers["Cache-Status"] for reply in replies)


async def test_a_viewer_that_leaves_does_not_end_the_fill(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.origin.head_gate.close()
    _, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.wait_for(rig.origin.head_gate.reached.wait(), 2)
    writer.close()
    await asyncio.sleep(0.02)
    rig.origin.head_gate.open()
    await asyncio.sleep(0.1)
    assert (await rig.get(PATH)).cache == "hit"
    assert rig.origin.blobs == 1


async def test_a_picture_asked_for_with_a_version_and_without_is_made_once(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.gate.close()
    paths = [PATH, *(f"/demo/image/upload/w_10/v{version}/pic.png" for version in (1, 2))]
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(rig.get(path)) for path in paths]
        async with asyncio.timeout(5):
            while rig.origin.resolves < 2 or not rig.pool.gate.reached.is_set():
                await asyncio.sleep(0.01)
        rig.pool.gate.open()
    assert {reply.result().body for reply in replies} == {b"one|w_10|"}
    assert (rig.origin.blobs, rig.pool.renders, len(rig.parts.tiers.lookup.memory)) == (1, 1, 1)


async def test_a_shared_picture_is_no_answer_to_a_path_whose_earlier_reading_it_says_nothing_of(rig: Rig) -> None:
    rig.origin.upload("w_10/pic", b"in the folder")
    rig.origin.body_gate.close()
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(rig.get(path)) for path in ("/demo/image/upload/v1/w_10/pic.png", PATH)]
        async with asyncio.timeout(5):
            while rig.origin.resolves < 2:
                await asyncio.sleep(0.01)
        rig.origin.body_gate.open()
    assert {reply.result().body for reply in replies} == {b"in the folder||"}
    assert (await rig.get(PATH)).cache == "hit"


async def test_a_large_picture_is_read_from_its_file_by_everybody_who_waited_for_it(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 3 * 1024 * 1024
    rig.pool.gate.close()
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(rig.get(PATH)) for _ in range(5)]
        await asyncio.wait_for(rig.pool.gate.reached.wait(), 5)
        rig.link.store_gate.close()
        rig.pool.gate.open()
        await asyncio.wait_for(rig.link.store_gate.reached.wait(), 5)
        assert [reply.done() for reply in replies] == [False] * 5  # none is served from memory
        rig.link.store_gate.open()
    assert {(reply.result().status, len(reply.result().body)) for reply in replies} == {(200, 3 * 1024 * 1024 + 9)}
    assert {reply.result().cache for reply in replies} == {"fwd=uri-miss"}
    assert (rig.origin.blobs, rig.pool.renders) == (1, 1)


async def test_a_large_picture_that_the_disk_does_not_take_is_given_all_the_same(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 3 * 1024 * 1024
    rig.link.refuses_stores = True
    assert len((await rig.get(PATH)).body) == 3 * 1024 * 1024 + 9


# --- names -----------------------------------------------------------------------------------------------------------


async def test_a_name_that_does_not_exist_is_told_as_cloudinary_tells_it(rig: Rig) -> None:
    reply = await rig.get("/demo/image/upload/w_10/v1/folder/no%20such.png")
    assert (reply.status, reply.body) == (404, b"")
    assert reply.headers["X-Cld-Error"] == "Resource not found - folder/no such"
    assert reply.headers["Content-Type"] == "image/gif"
    assert "no-store" in reply.headers["Cache-Control"]


async def test_an_absent_name_is_remembered_until_the_journal_names_it(rig: Rig) -> None:
    for _ in range(3):
        assert (await rig.get(PATH)).status == 404
    assert rig.origin.resolves == 1
    rig.origin.upload("pic", b"one")
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert (await rig.get(PATH)).body == b"one|w_10|"


async def test_the_status_of_what_was_erased_is_the_policys(rig: Rig) -> None:
    rig.origin.absent_status = 410
    assert (await rig.get(PATH)).status == 410
    assert (await rig.get(PATH)).status == 410


async def test_an_unknown_cloud_is_not_found_and_the_agent_is_asked_once(rig: Rig) -> None:
    for _ in range(3):
        assert (await rig.get("/nobody/image/upload/pic.png")).status == 404
    assert (rig.origin.resolves, rig.link.discoveries) == (0, 1)


async def test_an_absent_name_is_told_without_a_look_at_the_disk(rig: Rig) -> None:
    await rig.get(PATH)
    asked = rig.link.keys_asked
    assert (await rig.get(PATH)).status == 404
    assert rig.link.keys_asked == asked


async def test_a_folder_that_looks_like_a_transformation_is_found_by_asking_for_all_readings(rig: Rig) -> None:
    rig.origin.upload("w_10/pic", b"in the folder")
    reply = await rig.get(PATH)
    assert reply.body == b"in the folder||"
    assert (await rig.get(PATH)).cache == "hit"
    rig.origin.upload("pic", b"top")
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert (await rig.get(PATH)).body == b"top|w_10|"


async def test_an_object_found_without_doubt_is_no_answer_to_a_doubtful_path(rig: Rig) -> None:
    rig.origin.upload("w_10/pic", b"in the folder")
    rig.origin.upload("pic", b"top")
    assert (await rig.get("/demo/image/upload/v1/w_10/pic.png")).body == b"in the folder||"
    assert (await rig.get(PATH)).body == b"top|w_10|"


# --- signatures --------------------------------------------------------------------------------------------------------


async def test_a_bad_signature_is_refused_although_the_picture_is_in_the_cache(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    good, bad = "/demo/image/upload/s--goodsign--/w_10/v1/pic.png", "/demo/image/upload/s--badsignn--/w_10/v1/pic.png"
    assert (await rig.get(good)).status == 200
    for _ in range(2):
        assert (await rig.get(bad)).status == 401
    resolves = rig.origin.resolves
    assert (await rig.get(good)).cache == "hit"
    assert rig.origin.resolves == resolves


async def test_a_signed_path_must_pass_again_after_the_configuration_changed(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    path = "/demo/image/upload/s--goodsign--/w_10/v1/pic.png"
    await rig.get(path)
    rig.origin.good_signature = "othersig"
    assert (await rig.get(path)).status == 200
    await rig.entry(Kind.CONFIG)
    assert (await rig.get(path)).status == 401


async def test_an_authenticated_picture_is_never_given_without_its_own_signature(rig: Rig) -> None:
    rig.origin.upload("pic", b"secret", delivery_type="authenticated")
    signed = await rig.get("/demo/image/authenticated/s--goodsign--/w_10/v1/pic.png")
    assert signed.body == b"secret|w_10|"
    assert "no-store" in signed.headers["Cache-Control"]
    assert (await rig.get("/demo/image/authenticated/w_10/v1/pic.png")).status == 401
    assert (await rig.get("/demo/image/authenticated/s--badsignn--/w_10/v1/pic.png")).status == 401


async def test_a_private_original_behind_a_doubtful_path_needs_its_signature(rig: Rig) -> None:
    rig.origin.upload("w_10/pic", b"private", delivery_type="private")
    reply = await rig.get("/demo/image/private/w_10/pic.png")  # reads as a rendition first, and is an original
    assert reply.status == 401
    assert [asked.transformed for asked in rig.origin.asked] == [True, False]


async def test_who_was_let_pass_for_a_rendition_is_not_let_pass_for_an_original(rig: Rig) -> None:
    """The path is a rendition of one picture first, and without that one it is the original of another."""
    rig.origin.upload("w_10/pic", b"secret", delivery_type="private")
    rig.origin.upload("pic", b"shown", delivery_type="private")
    assert (await rig.get("/demo/image/private/w_10/pic.png")).status == 200
    gone = rig.origin.assets.pop("private/pic")
    await rig.entry(Kind.ASSET, aids=(gone.aid,), names=(hash_of("pic", delivery_type="private"),))
    signed = await rig.get("/demo/image/private/s--goodsign--/w_10/pic.png")
    assert (signed.status, b"secret" in signed.body) == (200, True)
    unsigned = await rig.get("/demo/image/private/w_10/pic.png")
    assert (unsigned.status, unsigned.body) == (401, b"")


# --- originals, formats, policy --------------------------------------------------------------------------------------


async def test_an_untransformed_picture_has_an_etag_that_begins_with_its_md5(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    stripped = await rig.get("/demo/image/upload/v1/pic.png")
    assert stripped.headers["ETag"] == f'"{hashlib.md5(b"one").hexdigest()}-s{STRIP_REVISION}"'
    assert rig.link.reported == []
    grant(rig.link, policy(originals="as-is"))
    plain = await rig.get("/demo/image/upload/v1/pic.png")
    assert (plain.body, plain.headers["ETag"]) == (b"one", f'"{hashlib.md5(b"one").hexdigest()}"')
    assert rig.pool.renders == 1


async def test_a_rendition_is_reported_and_its_etag_tells_nothing(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    reply = await rig.get(PATH)
    assert [(made.transformation, made.format, made.width) for made in rig.link.reported] == [("w_10", "png", 10)]
    assert hashlib.md5(b"one").hexdigest() not in reply.headers["ETag"]


async def test_f_auto_keeps_one_answer_for_each_bucket(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    path = "/demo/image/upload/f_auto/v1/pic"
    for accept, kind in [
        ("image/avif,image/webp", "avif"),
        ("image/webp,*/*", "webp"),
        ("*/*", "jpeg"),
        ("image/avif", "avif"),
    ]:
        reply = await rig.get(path, Accept=accept)
        assert reply.headers["Content-Type"] == f"image/{kind}"
        assert reply.headers["Vary"] == "Accept"
    assert rig.pool.renders == 3
    assert "Vary" not in (await rig.get(PATH)).headers


async def test_a_region_that_may_not_deliver_says_so(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    grant(rig.link, policy(zones={"deliver": ["us"]}))
    assert (await rig.get(PATH)).status == 451
    assert rig.origin.resolves == 0


async def test_a_region_that_may_not_transform_never_asks_for_an_original(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.origin.transforms = False
    assert (await rig.get(PATH)).status == 451
    assert rig.origin.blobs == 0


async def test_a_region_that_may_not_cache_keeps_nothing(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    grant(rig.link, policy(zones={"cache": []}))
    for _ in range(2):
        reply = await rig.get(PATH)
        assert (reply.status, reply.cache) == (200, "fwd=uri-miss")
    assert len(rig.parts.tiers.lookup.memory) == 0
    assert list(rig.settings.cache_path.glob("??/*")) == []


async def test_a_copy_is_not_served_once_the_policy_forbids_copies_here_and_the_entry_drops_it(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    async with asyncio.timeout(5):
        while not rig.link.records:
            await asyncio.sleep(0.01)
    forbidding = policy(version=2, zones={"cache": ["eu-fr"]})
    await rig.link.regrant(forbidding, revision=2)
    reply = await rig.get(PATH)
    assert (reply.status, reply.cache) == (200, "fwd=uri-miss")
    await rig.configure(forbidding, revision=2)
    assert len(rig.parts.tiers.lookup.memory) == 0
    disk = rig.parts.tiers.lookup.disk
    assert disk is not None
    await disk.tell_gone()
    assert (list(rig.settings.cache_path.glob("??/*")), rig.link.records) == ([], {})


@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_picture_that_takes_longer_to_make_than_it_may_be_kept_is_given_to_who_asked(
    rig: Rig, seconds: int
) -> None:
    rig.origin.upload("pic", b"one")
    grant(rig.link, policy(lifetimes={"edge_seconds_max": seconds}))
    rig.pool.gate.close()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.pool.gate.reached.wait(), 5)
        await asyncio.sleep(seconds * 1.1)
        rig.pool.gate.open()
    assert (waiting.result().status, waiting.result().body, rig.pool.renders) == (200, b"one|w_10|", 1)
    assert "max-age=0" in waiting.result().headers["Cache-Control"]


async def test_what_may_be_kept_for_no_time_is_not_kept(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    grant(rig.link, policy(lifetimes={"edge_seconds_max": 0}))
    await rig.get(PATH)
    assert len(rig.parts.tiers.lookup.memory) == 0
    assert list(rig.settings.cache_path.glob("??/*")) == []


@pytest.mark.parametrize("has_entry", [True, False])
@pytest.mark.parametrize(("before", "after"), [("as-is", "stripped"), ("stripped", "as-is")])
async def test_a_policy_that_changes_during_a_fill_never_leaves_its_bytes_under_the_others_key(
    rig: Rig, before: str, after: str, has_entry: bool
) -> None:
    """An original that was not stripped must not be found as one that was."""
    path = "/demo/image/upload/v1/pic.png"
    body = {"as-is": b"one", "stripped": b"one||"}
    rig.origin.upload("pic", b"one")
    grant(rig.link, policy(originals=before))
    rig.origin.body_gate.close()
    changed = policy(originals=after, version=2)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(path))
        await asyncio.wait_for(rig.origin.body_gate.reached.wait(), 5)
        await (rig.configure(changed, revision=2) if has_entry else rig.link.regrant(changed, revision=2))
        rig.origin.body_gate.open()
    assert waiting.result().body == body[after]
    await rig.configure(policy(originals=before, version=3), revision=3)
    assert (await rig.get(path)).body == body[before]
    await rig.configure(policy(originals=after, version=4), revision=4)
    assert (await rig.get(path)).body == body[after]


# --- failures ----------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_made_costs_one_render_until_it_is_overwritten(rig: Rig) -> None:
    rig.origin.upload("pic", b"broken")
    rig.pool.error = UndecodableMedia("Invalid image file")
    for _ in range(3):
        reply = await rig.get(PATH)
        assert (reply.status, reply.headers["X-Cld-Error"]) == (400, "Invalid image file")
    assert rig.pool.renders == 1
    rig.pool.error = None
    await rig.overwrite("pic", b"fine")
    assert (await rig.get(PATH)).body == b"fine|w_10|"


async def test_a_bug_is_an_empty_500_and_the_next_request_is_served(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.error = ZeroDivisionError("bug")
    reply = await rig.get(PATH)
    assert (reply.status, reply.body) == (500, b"")
    rig.pool.error = None
    assert (await rig.get(PATH)).status == 200


async def test_an_original_that_does_not_open_is_not_delivered(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    asset.sealed = asset.sealed[:-1] + bytes([asset.sealed[-1] ^ 1])
    reply = await rig.get(PATH)
    assert reply.status == 503
    assert rig.pool.renders == 0


async def test_an_asset_that_goes_away_between_two_questions_is_not_found(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.origin.head_gate.close()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.origin.head_gate.reached.wait(), 2)
        rig.origin.assets.clear()
        rig.origin.head_gate.open()
    assert waiting.result().status in {404, 200}


async def test_a_blob_of_another_epoch_starts_the_fill_again(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.origin.resolve_gate.close()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.get(PATH))
        await asyncio.wait_for(rig.origin.resolve_gate.reached.wait(), 2)
        rig.origin.epoch = 2
        rig.origin.resolve_gate.open()
    assert waiting.result().status == 200
    assert rig.origin.resolves == 2


# --- disk --------------------------------------------------------------------------------------------------------------


async def test_what_memory_lost_comes_from_disk(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    await asyncio.sleep(0.05)
    rig.parts.tiers.lookup.memory.clear()
    reply = await rig.get(PATH)
    assert reply.body == b"one|w_10|"
    assert reply.headers["Cache-Status"].endswith("detail=disk")
    assert (await rig.get(PATH)).headers["Cache-Status"].endswith("detail=memory")
    assert rig.origin.resolves == 1


async def test_a_large_object_stays_on_disk_and_its_ranges_are_cut_from_chunks(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 3 * 1024 * 1024
    whole = await rig.get(PATH)
    await asyncio.sleep(0.1)
    assert len(rig.parts.tiers.lookup.memory) == 0
    again = await rig.get(PATH)
    assert again.body == whole.body
    assert again.headers["Cache-Status"].endswith("detail=disk")
    for start, end in [(0, 0), (65535, 65536), (200_000, 700_000), (3 * 1024 * 1024 - 5, 3 * 1024 * 1024 + 2)]:
        part = await rig.get(PATH, Range=f"bytes={start}-{end}")
        assert (part.status, part.body) == (206, whole.body[start : end + 1])


async def test_a_file_that_was_tampered_with_is_deleted_and_fetched_again(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    await asyncio.sleep(0.05)
    rig.parts.tiers.lookup.memory.clear()
    (file,) = rig.settings.cache_path.glob("??/*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    reply = await rig.get(PATH)
    assert (reply.body, reply.cache) == (b"one|w_10|", "fwd=uri-miss")


async def test_a_large_file_that_is_torn_in_the_middle_cuts_its_response_off_and_is_deleted(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 3 * 1024 * 1024
    await rig.get(PATH)
    await asyncio.sleep(0.1)
    (file,) = rig.settings.cache_path.glob("??/*")
    held = bytearray(file.read_bytes())
    held[2 * 1024 * 1024] ^= 1
    file.write_bytes(bytes(held))
    with pytest.raises(aiohttp.ClientError):
        await rig.get(PATH)
    assert not file.exists()
    assert (await rig.get(PATH)).cache == "fwd=uri-miss"


async def test_a_large_file_that_the_disk_does_not_give_in_the_middle_is_deleted_and_fetched_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 3 * 1024 * 1024
    await rig.get(PATH)
    (file,) = rig.settings.cache_path.glob("??/*")
    read = SealedBody.read

    def fails(body: SealedBody, start: int, end: int) -> bytes:
        if start > 0:
            raise OSError(errno.EIO, "no")
        return read(body, start, end)

    with monkeypatch.context() as broken:
        broken.setattr(SealedBody, "read", fails)
        with pytest.raises(aiohttp.ClientError):
            await rig.get(PATH)
        assert not file.exists()
    assert (await rig.get(PATH)).cache == "fwd=uri-miss"
    failures = [point.value for point in totals([rig.link.slot.counters]) if point.name == "disk_failures"]
    assert failures == [1]


async def test_a_path_is_read_once_until_the_journal_speaks_of_its_tenant(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    await rig.get(PATH)
    readings = rig.parts.tiers.readings
    assert len(readings) == 1
    await rig.entry(Kind.NAME, names=(hash_of("unrelated"),))
    assert len(readings) == 0
    await rig.get("/demo/image/upload/v1/pic.png")
    grant(rig.link, policy(originals="as-is"), applied=2)  # a reading under another policy is not used
    assert (await rig.get("/demo/image/upload/v1/pic.png")).body == b"one"


async def test_after_a_restart_the_origins_key_opens_what_is_on_disk(rig: Rig, tmp_path: Path) -> None:
    rig.origin.upload("pic", b"one")
    first = await rig.get(PATH)
    await asyncio.sleep(0.05)
    rig.parts.tiers.lookup.memory.clear()
    rig.link.records.clear()  # the agent started again and knows no key
    reply = await rig.get(PATH)
    assert reply.body == first.body
    assert (rig.origin.resolves, rig.origin.blobs, rig.pool.renders) == (2, 1, 1)
    assert (await rig.get(PATH)).cache == "hit"


async def test_an_object_is_not_kept_on_disk_when_the_agent_says_it_is_fenced(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    rig.link.refuses_stores = True
    assert (await rig.get(PATH)).status == 200
    await asyncio.sleep(0.05)
    assert [file for file in rig.settings.cache_path.glob("??/*") if file.is_file()] == []


async def test_no_file_tells_a_name_or_holds_a_byte_in_the_clear(rig: Rig) -> None:
    rig.origin.upload("very-private-name", b"very-private-bytes" * 100)
    await rig.get("/demo/image/upload/w_10/v1/very-private-name.png")
    await asyncio.sleep(0.05)
    (file,) = rig.settings.cache_path.glob("??/*")
    everything = str(file).encode() + file.read_bytes()
    for secret in (b"very-private", b"w_10", CLOUD.encode() + b"/", b"image/png"):
        assert secret not in everything

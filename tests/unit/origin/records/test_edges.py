from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, BadRequest, OutsideRegion
from domicile.media.journal import Head
from domicile.media.policy import Activity, Place
from domicile.media.wire import Ack, LeaseRequest
from origin.records import Fencing, Records
from tests.infra.records import CLOUD, name, opened, upload

NODE, BOOT = "a" * 32, "b" * 32


def ask(**changes: Any) -> LeaseRequest:
    return LeaseRequest(
        **{"node": NODE, "boot": BOOT, "region": "eu-de", "authorities": ("localhost:8080",), "heads": {}, **changes}
    )


async def test_a_lease_tells_the_head_and_what_serving_needs(records: Records) -> None:
    await upload(records, name("jane"))
    answer = await records.grant_lease(ask())
    (granted,) = answer.tenants
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    assert granted.head == await records.head(CLOUD)
    assert (granted.name_key, granted.file_key) == (tenant.name_key, tenant.file_key)
    assert granted.policy["tenant"] == CLOUD
    assert answer.lease_seconds == 30.0
    assert answer.region == "eu-de"


async def test_an_edge_of_another_region_gets_no_tenant_and_no_key(records: Records) -> None:
    answer = await records.grant_lease(ask(region="us-east"))
    assert answer.tenants == ()
    assert list(answer.refused) == [CLOUD]


async def test_a_purge_waits_for_the_ack_of_a_leased_edge(tmp_path: Path) -> None:
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        nonce = (await records.grant_lease(ask())).nonce
        done = await upload(records, name("jane"))
        assert done.fenced.state is Fencing.PENDING
        await records.ack(Ack(node=NODE, boot=BOOT, applied={CLOUD: done.head}, nonce=nonce))
        assert (await records.fenced(CLOUD, done.head.seq)).state is Fencing.FENCED


async def test_a_release_ends_the_waiting_and_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        nonce = (await records.grant_lease(ask())).nonce
        await records.grant_lease(ask(release=True, nonce=nonce))
        assert (await upload(records, name("jane"))).fenced.state is Fencing.FENCED
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        assert (await upload(records, name("joe"))).fenced.state is Fencing.FENCED


async def test_a_restart_waits_again_for_edges_that_were_registered_before(tmp_path: Path) -> None:
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        nonce = (await records.grant_lease(ask())).nonce
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        done = await upload(records, name("jane"))
        assert done.fenced.state is Fencing.PENDING
        await records.ack(Ack(node=NODE, boot=BOOT, applied={CLOUD: done.head}, nonce=nonce))
        assert (await records.fenced(CLOUD, done.head.seq)).state is Fencing.FENCED


@pytest.mark.parametrize("bad", [{"node": "x"}, {"boot": ""}, {"node": "A" * 32}])
async def test_a_lease_request_with_a_malformed_id_is_a_bad_request(records: Records, bad: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        await records.grant_lease(ask(**bad))


async def read(records: Records, aid: Aid, span: tuple[int, int | None] | None = None) -> bytes:
    blob = await records.read_original(aid, records.permit(CLOUD, Activity.STORE), span)
    return b"".join([piece async for piece in blob.pieces])


async def test_ranges_of_an_original_are_slices_of_the_whole(records: Records) -> None:
    aid = (await upload(records, name("jane"), bytes(range(256)) * 4096)).record.aid
    whole = await read(records, aid)
    assert await read(records, aid, (0, 10)) == whole[:10]
    assert await read(records, aid, (65536, 700_000)) == whole[65536:700_000]
    assert await read(records, aid, (1_000_000, None)) == whole[1_000_000:]
    assert await read(records, aid, (1_000_000, 10**9)) == whole[1_000_000:]


async def test_a_blob_states_the_sequence_it_is_fresh_for(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    await upload(records, name("joe"))
    blob = await records.read_original(aid, records.permit(CLOUD, Activity.STORE))
    assert (blob.epoch, blob.sequence, blob.tenant) == (1, 2, CLOUD)


async def test_a_range_outside_the_file_is_a_bad_request(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    for span in ((10**9, None), (5, 5), (-1, 4)):
        with pytest.raises(BadRequest):
            await read(records, aid, span)


async def test_an_original_that_is_gone_is_not_found(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    await records.destroy(name("jane"))
    for gone in (aid, Aid("0" * 32), Aid("../../etc/passwd")):
        with pytest.raises(AssetNotFound):
            await read(records, gone)
        with pytest.raises(AssetNotFound):
            await records.original_for(gone, Place(name="edge", region="eu-de"))


async def test_an_original_is_not_read_with_a_permit_of_another_tenant(records: Records) -> None:
    await records.create_tenant("other")
    aid = (await upload(records, name("jane"))).record.aid
    blob = await records.read_original(aid, records.permit("other", Activity.STORE))
    with pytest.raises(TypeError):
        await anext(aiter(blob.pieces))


async def test_no_permit_is_given_for_another_region(records: Records) -> None:
    with pytest.raises(OutsideRegion):
        records.permit(CLOUD, Activity.TRANSFORM, Place(name="edge", region="us-east"))


async def test_the_feed_wakes_a_waiting_reader(records: Records) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(records.entries({CLOUD: 0}, wait_seconds=60))
        await asyncio.sleep(0.05)
        started = asyncio.get_running_loop().time()
        await upload(records, name("jane"))
        answer = await waiting
    assert [entry.seq for entry in answer.entries] == [1]
    assert asyncio.get_running_loop().time() - started < 30  # half of its wait


async def test_the_feed_names_cursors_that_are_not_of_its_history(records: Records) -> None:
    answer = await records.entries({CLOUD: 5, "nobody": 0}, wait_seconds=5)
    assert sorted(answer.unknown) == [CLOUD, "nobody"]


async def test_the_feed_answers_empty_after_its_wait(records: Records) -> None:
    assert (await records.entries({CLOUD: 0}, wait_seconds=0.01)).entries == ()


async def test_a_head_in_the_future_is_no_ack(tmp_path: Path) -> None:
    async with opened(tmp_path, ack_seconds_max=0.02) as records:
        nonce = (await records.grant_lease(ask())).nonce
        ahead = Head(epoch=1, seq=99, chain="0" * 64)
        await records.ack(Ack(node=NODE, boot=BOOT, applied={CLOUD: ahead}, nonce=nonce))
        assert (await upload(records, name("jane"))).fenced.state is Fencing.PENDING

"""Restricted assets are there and shown to nobody; what ends the restriction finds them as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.journal import Kind
from domicile.media.policy import Activity
from domicile.media.wire import ResolveRequest
from origin.records import Filter, NewAsset, PurgeTargets, Records, whole
from tests.infra.records import CLOUD, facts, keep, name, opened, restore, upload

JANE = PurgeTargets(public_ids=("jane",))


def question(public_id: str) -> ResolveRequest:
    return ResolveRequest(
        cloud=CLOUD,
        resource_type="image",
        delivery_type="upload",
        public_ids=(public_id,),
        region="eu-de",
        transformed=False,
    )


async def is_served(records: Records, public_id: str) -> bool:
    return (await records.resolve(question(public_id))).resolved is not None


async def packed(records: Records, source: Aid, public_id: str) -> None:
    """An archive, say."""
    permit = records.permit(CLOUD, Activity.STORE)
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"packed", permit, (source,))
    await records.commit_upload(
        draft, NewAsset(name=name(public_id), facts=facts(b"packed"), sources=(source,), created_at=1.0)
    )


async def test_what_is_restricted_is_shown_to_nobody_and_comes_back_as_it_was(records: Records) -> None:
    before = (await upload(records, name("jane"), b"the bytes", tags=("t",), context={"alt": "Jane"})).record
    await packed(records, before.aid, "pack")
    statement = await records.restrict(CLOUD, JANE)
    assert (statement.body["state"], statement.body["outcome"]) == ("restricted", "restricted")
    assert statement.body["removed"]["versions"] == 0
    assert statement.body["places"][0]["state"] == "kept"
    entry = next(
        one for one in (await records.entries({CLOUD: 0}, wait_seconds=0)).entries if one.kind == Kind.RESTRICT
    )
    assert (entry.aids, entry.names) == ((before.aid,), ())
    assert await records.get(name("jane")) is None
    assert await records.get_by_asset_id(CLOUD, before.asset_id) is None
    assert not (await records.list(CLOUD, Filter())).records, "nor what holds its bytes"
    assert not await is_served(records, "jane")
    assert not await is_served(records, "pack")
    with pytest.raises(AssetNotFound):
        await records.read_original(before.aid, records.permit(CLOUD, Activity.STORE), None)
    assert await records.destroy(name("jane")) is None
    with pytest.raises(AssetExists):
        await upload(records, name("jane"))
    await upload(records, name("joe"))
    with pytest.raises(AssetExists):
        await records.rename(name("joe"), "jane", overwrite=True)

    back = await records.unrestrict(CLOUD, JANE)
    assert back.body["outcome"] == "unrestricted"
    assert await records.get(name("jane")) == before
    assert [one.aid for one in (await records.list(CLOUD, Filter(tag="t"))).records] == [before.aid]
    assert await whole(await records.open_original(before, records.permit(CLOUD, Activity.STORE))) == b"the bytes"
    assert await is_served(records, "jane")
    assert await is_served(records, "pack")
    with pytest.raises(AssetNotFound):
        await records.unrestrict(CLOUD, JANE)
    kinds = [await records.audit.leaves(0, 10)]
    assert [leaf.count(b'"kind":"restrict"') + leaf.count(b'"kind":"unrestrict"') for leaf in kinds[0]] == [1, 1]


async def test_what_is_restricted_can_be_erased_and_stays_so_through_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        jane = (await upload(records, name("jane"))).record
        await records.restrict(CLOUD, JANE)
    async with opened(tmp_path) as records:
        assert not (await records.list(CLOUD, Filter())).records
        assert not await is_served(records, "jane")
        assert (await records.erase_preview(CLOUD, JANE)).total == 1
        assert (await records.erase(CLOUD, JANE)).body["outcome"] == "erased"
        assert records._core.keyring.of(jane.aid) is None
        assert (await upload(records, name("jane"))).record.aid != jane.aid
        assert await is_served(records, "jane"), "the restriction went with what it restricted"


async def test_a_catalogue_of_yesterday_learns_what_was_restricted_since(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        for one in ("jane", "joe"):
            await upload(records, name(one))
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.restrict(CLOUD, PurgeTargets(public_ids=("jane", "joe")))
        await records.unrestrict(CLOUD, PurgeTargets(public_ids=("joe",)))
    restore(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        assert await records.get(name("jane")) is None
        assert await records.get(name("joe")) is not None
        await records.unrestrict(CLOUD, JANE)
        assert await records.get(name("jane")) is not None


async def test_a_catalogue_of_yesterday_learns_that_what_is_under_retention_was_restricted_since(
    tmp_path: Path,
) -> None:
    """Nothing of the asset is there but that."""
    async with opened(tmp_path) as records:
        ids = []
        for one in ("jane", "joe"):
            ids.append((await upload(records, name(one), backup=True)).record.asset_id)
            await records.destroy(name(one))
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        for asset_id in ids:
            assert len(await records.backups.of_asset(CLOUD, asset_id)) == 1
            await records.restrict(CLOUD, PurgeTargets(asset_ids=(asset_id,)))
        await records.unrestrict(CLOUD, PurgeTargets(asset_ids=(ids[1],)))
    restore(tmp_path, "yesterday", originals=False)
    async with opened(tmp_path) as records:
        shown = [len(await records.backups.of_asset(CLOUD, asset_id)) for asset_id in ids]
        assert shown == [0, 1]
        await records.unrestrict(CLOUD, PurgeTargets(asset_ids=(ids[0],)))
        assert len(await records.backups.of_asset(CLOUD, ids[0])) == 1

"""What holds bytes of others goes with any of them: at once for whoever reads, and soon after from the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.keys import subkey
from domicile.media.policy import Activity
from domicile.media.sealed import SealBroken, SealContext, open_sealed
from domicile.media.wire import ResolveRequest
from origin.records import AssetRecord, NewAsset, PurgeTargets, Records, whole
from origin.records import lineage as module
from tests.infra.records import CLOUD, facts, name, opened, settings, upload

BODY = b"both of them"


async def packed(records: Records, *sources: Aid, public_id: str = "pack") -> AssetRecord:
    permit = records.permit(CLOUD, Activity.STORE)
    draft = await records.mint(CLOUD)
    await records.put_original(draft, BODY, permit, sources)
    asset = NewAsset(name=name(public_id), facts=facts(BODY), sources=sources, created_at=1.0)
    return (await records.commit_upload(draft, asset)).record


async def sources_of(records: Records) -> tuple[Aid, Aid]:
    return (await upload(records, name("a"))).record.aid, (await upload(records, name("b"))).record.aid


def question(public_id: str) -> ResolveRequest:
    return ResolveRequest(
        cloud=CLOUD,
        resource_type="image",
        delivery_type="upload",
        public_ids=(public_id,),
        region="eu-de",
        transformed=False,
    )


async def test_an_edge_knows_all_that_is_in_it_as_contributors(records: Records) -> None:
    a, b = await sources_of(records)
    pack = await packed(records, a, b)
    resolved = (await records.resolve(question("pack"))).resolved
    assert resolved is not None
    assert set(resolved.contributors) == {a, b, pack.aid}
    assert await whole(await records.open_original(pack, records.permit(CLOUD, Activity.STORE))) == BODY
    sealed = (settings_of(records) / "originals" / CLOUD / pack.aid[:2] / pack.aid).read_bytes()
    context = SealContext.original(tenant=CLOUD, aid=pack.aid, region="eu-de")
    assert resolved.original_key is not None
    assert open_sealed(resolved.original_key, context, sealed)[1] == BODY
    own = records._core.keyring.of(pack.aid)
    assert own is not None
    with pytest.raises(SealBroken):
        open_sealed(subkey(own, "original"), context, sealed)


def settings_of(records: Records) -> Path:
    return records._core.settings.data


@pytest.mark.parametrize("how", ["destroyed", "erased", "overwritten"])
async def test_it_is_gone_with_any_of_its_sources(records: Records, how: str) -> None:
    a, b = await sources_of(records)
    pack = await packed(records, a, b)
    if how == "destroyed":
        await records.destroy(name("b"))
    elif how == "erased":
        await records.erase(CLOUD, PurgeTargets(public_ids=("b",)))
    else:
        await upload(records, name("b"), b"another")
    assert await records.get(name("pack")) is None
    assert (await records.resolve(question("pack"))).resolved is None
    with pytest.raises(AssetNotFound):
        await records.open_original(pack, records.permit(CLOUD, Activity.STORE))
    await module.sweep(records._core)
    assert records._core.keyring.of(pack.aid) is None
    assert not (settings_of(records) / "originals" / CLOUD / pack.aid[:2] / pack.aid).exists()
    assert await records.get(name("a")) is not None
    head = await records.head(CLOUD)
    await module.sweep(records._core)
    assert await records.head(CLOUD) == head, "nothing is left to sweep"


async def test_what_goes_while_it_is_packed_is_in_no_pack(records: Records) -> None:
    a, b = await sources_of(records)
    permit, draft = records.permit(CLOUD, Activity.STORE), await records.mint(CLOUD)
    await records.put_original(draft, BODY, permit, (a, b))
    await records.destroy(name("b"))
    asset = NewAsset(name=name("pack"), facts=facts(BODY), sources=(a, b), created_at=1.0)
    with pytest.raises(AssetNotFound):
        await records.commit_upload(draft, asset)
    await records.discard(draft)
    with pytest.raises(AssetNotFound):
        await records.put_original(await records.mint(CLOUD), BODY, permit, (a, b))


async def test_a_pack_outlives_a_restart_and_changes_of_its_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await packed(records, *await sources_of(records))
        await records.rename(name("pack"), "box")
    async with opened(tmp_path) as records:
        record = await records.get(name("box"))
        assert record is not None
        assert len(record.sources) == 2
        assert await whole(await records.open_original(record, records.permit(CLOUD, Activity.STORE))) == BODY
    assert settings(tmp_path).data.exists()

"""What holds bytes of others goes with any of them: at once for whoever reads, and soon after from the disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from domicile.media.access import AccessRule
from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, BadSignature
from domicile.media.journal import Kind
from domicile.media.keys import subkey
from domicile.media.layer import LayerName
from domicile.media.policy import Activity
from domicile.media.sealed import SealBroken, SealContext, open_sealed
from domicile.media.signature import sign_delivery
from domicile.media.wire import ResolveRequest
from origin.records import AssetRecord, NewAsset, PurgeTargets, Records, whole
from origin.records import lineage as module
from tests.infra.records import CLOUD, facts, name, opened, settings, upload

BODY = b"both of them"


async def packed(
    records: Records, *sources: Aid, public_id: str = "pack", delivery_type: str = "upload"
) -> AssetRecord:
    permit = records.permit(CLOUD, Activity.STORE)
    draft = await records.mint(CLOUD)
    await records.put_original(draft, BODY, permit, sources)
    asset = NewAsset(
        name=name(public_id, delivery_type=delivery_type), facts=facts(BODY), sources=sources, created_at=1.0
    )
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
        judges=True,
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


TOKEN = (AccessRule(access_type="token"),)
OVER = (AccessRule(access_type="anonymous", end=1.0),)


async def is_shown(records: Records, asked: ResolveRequest) -> bool:
    """False: it is there, and not for who asks."""
    try:
        assert (await records.resolve(asked)).resolved is not None
    except BadSignature:
        return False
    return True


async def told_since(records: Records, seq: int) -> set[str]:
    entries = (await records.entries({CLOUD: seq}, wait_seconds=0)).entries
    assert not {aid for entry in entries for aid in entry.aids}
    return {named for entry in entries for named in entry.names}


@pytest.mark.parametrize("rules", [TOKEN, OVER], ids=["token", "window"])
async def test_it_is_no_more_open_than_the_rules_of_what_it_holds(
    records: Records, rules: tuple[AccessRule, ...]
) -> None:
    a, b = await sources_of(records)
    await packed(records, a, b)
    await upload(records, name("jane"))
    over_jane = replace(question("jane"), layers=((LayerName("upload", "pack"),),))
    assert [await is_shown(records, asked) for asked in (question("pack"), over_jane)] == [True, True]
    seq = (await records.head(CLOUD)).seq
    await records.edit([name("b")], lambda record: dataclasses.replace(record, access_control=rules))
    assert [await is_shown(records, asked) for asked in (question("pack"), over_jane)] == [False, False]
    assert {records._core.hash_name(name(each)) for each in ("b", "pack")} == await told_since(records, seq)
    seq = (await records.head(CLOUD)).seq
    await records.edit([name("b")], lambda record: dataclasses.replace(record, access_control=()))
    assert await is_shown(records, question("pack"))
    assert records._core.hash_name(name("pack")) in await told_since(records, seq)


@pytest.mark.parametrize("kind", ["private", "authenticated"])
async def test_it_is_no_more_open_than_the_type_of_what_it_holds(records: Records, kind: str) -> None:
    a, b = await sources_of(records)
    await packed(records, a, b)
    await packed(records, a, b, public_id="signed", delivery_type="authenticated")
    seq = (await records.head(CLOUD)).seq
    await records.rename(name("b"), "b", to_type=kind)
    assert not await is_shown(records, question("pack"))
    assert records._core.hash_name(name("pack")) in await told_since(records, seq)
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    signed = {"signature": sign_delivery("x", tenant.api_secret), "signed_texts": ("x",)}
    assert not await is_shown(records, replace(question("pack"), **signed)), "a copy would be for everybody"
    asked = replace(question("signed"), delivery_type="authenticated", **signed)
    assert await is_shown(records, asked), "who may see this may see what is in it"
    await records.rename(name("b", delivery_type=kind), "b", to_type="upload")
    assert await is_shown(records, question("pack"))


async def test_its_windows_are_those_of_all_that_is_in_it(records: Records) -> None:
    now = records._core.now()
    rules = [(AccessRule(access_type="anonymous", end=now + seconds),) for seconds in (100, 200)]
    aids = [(await upload(records, name(f"n{n}"), access_control=one)).record.aid for n, one in enumerate(rules)]
    await packed(records, *aids)
    resolved = (await records.resolve(question("pack"))).resolved
    assert resolved is not None
    assert set(resolved.access.shown) == set(rules)


async def test_what_holds_a_version_under_retention_is_shown_to_nobody_at_once(records: Records) -> None:
    a = (await upload(records, name("a"), backup=True)).record.aid
    await packed(records, a)
    await records.destroy(name("a"))
    assert records._core.keyring.of(a) is not None
    assert (await records.resolve(question("pack"))).resolved is None


async def test_a_rename_that_closes_and_takes_a_name_tells_of_what_holds_it(records: Records) -> None:
    a, b = await sources_of(records)
    await packed(records, a, b)
    taken = (await upload(records, name("c", delivery_type="authenticated"))).record
    await records.rename(name("b"), "c", to_type="authenticated", overwrite=True)
    last = (await records.entries({CLOUD: 0}, wait_seconds=0)).entries[-1]
    assert (last.kind, last.aids) == (Kind.ERASE, (taken.aid,))
    assert records._core.hash_name(name("pack")) in last.names
    assert not await is_shown(records, question("pack"))

"""Where an asset is and was, as its versions come, are replaced, kept, restored and erased; and what edges tell of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.wire import CopyListing, LeaseRequest, Rendition, RenditionReport
from origin.records import Copy, PurgeTargets, Records, Versions, place_names, placements
from origin.records.edge_copies import STRANGER_SECONDS
from tests.infra.records import CLOUD, count_rows, crawled, keep, name, opened, restore, upload

NODE = "1" * 32


async def lines(records: Records, asset_id: str, place: str) -> dict[Aid | None, Copy]:
    found = await records.places.of_asset(CLOUD, asset_id, regions={})
    return {one.version_id: one for one in found if one.place == place}


async def states(records: Records, asset_id: str, place: str = place_names.STORE) -> dict[Aid | None, tuple[str, str]]:
    return {aid: (str(one.state), one.why) for aid, one in (await lines(records, asset_id, place)).items()}


def later(records: Records, seconds: float) -> None:
    then = records._core.now() + seconds
    object.__setattr__(records._core, "now", lambda: then)


async def lease(records: Records) -> None:
    asked = LeaseRequest(node=NODE, boot="2" * 32, region="eu-de", authorities=(), heads={})
    await records.grant_lease(asked)


async def report(records: Records, *aids: Aid) -> None:
    made = tuple(
        Rendition(
            tenant=CLOUD, aid=aid, sequence=1, transformation="w_9", format="png", width=9, height=9, body_bytes=9
        )
        for aid in aids
    )
    await records.add_renditions(RenditionReport(node=NODE, renditions=made), region="eu-fr")


async def listing(records: Records, *aids: Aid) -> None:
    for asked in ({"opens": True}, {"aids": aids}, {"closes": True}):
        await records.edge_copies.listed(CopyListing(node=NODE, tenant=CLOUD, **asked), region="eu-fr")


# --- originals ------------------------------------------------------------------------------------------------------


async def test_every_original_there_ever_was_is_told_of_while_its_asset_is_there(records: Records) -> None:
    replaced = (await upload(records, name("jane"), b"one")).record
    kept = (await upload(records, name("jane"), b"two", backup=True)).record
    current = (await upload(records, name("jane"), b"three")).record
    asset_id = current.asset_id
    assert await states(records, asset_id) == {
        replaced.aid: ("gone", "replaced"),
        kept.aid: ("present", "under_retention"),
        current.aid: ("present", ""),
    }
    gone = (await lines(records, asset_id, place_names.STORE))[replaced.aid]
    assert gone.since == replaced.created_at
    assert gone.until is not None
    await records.backups.forget(CLOUD, asset_id, [kept.aid])
    assert (await states(records, asset_id))[kept.aid] == ("gone", "deleted")
    await records.rename(name("jane"), "joan")
    assert await records.places.find(name("joan")) == asset_id
    with pytest.raises(AssetNotFound):
        await records.places.find(name("jane"))


async def test_what_an_erase_has_taken_has_no_place_any_more_and_leaves_no_row(
    records: Records, tmp_path: Path
) -> None:
    for body in (b"one", b"two", b"three"):
        record = (await upload(records, name("jane"), body, backup=body == b"two")).record
    await report(records, record.aid)
    assert count_rows(tmp_path, "placement") == 3
    await records.erase(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    assert count_rows(tmp_path, "placement") == 0
    with pytest.raises(AssetNotFound):
        await records.places.of_asset(CLOUD, record.asset_id, regions={})


async def test_an_erase_of_the_current_version_alone_is_told_beside_what_is_left(records: Records) -> None:
    kept = (await upload(records, name("jane"), b"one", backup=True)).record
    current = (await upload(records, name("jane"), b"two")).record
    await records.erase(CLOUD, PurgeTargets(asset_ids=(kept.asset_id,)), versions=Versions.CURRENT)
    assert await states(records, kept.asset_id) == {
        kept.aid: ("present", "under_retention"),
        current.aid: ("gone", "erased"),
    }
    assert await records.places.find(name("jane")) == kept.asset_id, "by the name that it had"


async def test_bytes_that_the_store_does_not_let_go_of_are_told_to_be_going(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = (await upload(records, name("jane"), b"one")).record
    with monkeypatch.context() as broken:
        broken.setattr(type(records._core.blobs), "delete", refuse)
        current = (await upload(records, name("jane"), b"two")).record
    assert (await states(records, current.asset_id))[replaced.aid] == ("going", "replaced")
    assert (await crawled(records)).total == 0, "it is known of"


async def refuse(*_: object) -> bool:
    raise OSError


async def test_of_many_that_are_gone_the_newest_are_told(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "PAST_MAX", 2)
    made = [(await upload(records, name("jane"), bytes([number]))).record for number in range(5)]
    for number in range(5):
        later(records, 1)
        made.append((await upload(records, name("jane"), bytes([5 + number]))).record)
    found = await states(records, made[0].asset_id)
    assert list(found) == [made[-1].aid, made[-2].aid, made[-3].aid]


async def test_an_erase_that_a_restored_catalogue_is_told_of_takes_the_past_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        for body in (b"one", b"two", b"three"):
            record = (await upload(records, name("jane"), body, backup=body == b"two")).record
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.erase(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    restore(tmp_path, "yesterday")
    assert count_rows(tmp_path, "placement") == 2
    async with opened(tmp_path) as records:
        with pytest.raises(AssetNotFound):
            await records.places.of_asset(CLOUD, record.asset_id, regions={})
        assert (await crawled(records)).total == 0
    assert count_rows(tmp_path, "placement") == 0


# --- edges ----------------------------------------------------------------------------------------------------------


async def test_a_copy_is_reported_then_listed_then_evicted_and_may_come_back(records: Records) -> None:
    record = (await upload(records, name("jane"))).record

    async def at_edge() -> Copy:
        return (await lines(records, record.asset_id, place_names.EDGES))[record.aid]

    await report(records, record.aid)
    assert str((await at_edge()).state) == "lapsed", "it has no lease here"
    await lease(records)
    one = await at_edge()
    assert (str(one.state), one.evidence, one.region, one.name) == ("present", "reported", "eu-fr", NODE)
    later(records, 10)
    await listing(records, record.aid)
    one = await at_edge()
    assert (str(one.state), one.evidence) == ("present", "listed")
    later(records, 10)
    await listing(records)
    one = await at_edge()
    assert (str(one.state), one.why, one.until) == ("gone", "evicted", records._core.now())
    later(records, 10)
    await report(records, record.aid)
    one = await at_edge()
    assert (str(one.state), one.since, one.until) == ("present", records._core.now(), None)


async def test_a_listing_that_is_cut_short_ends_nothing(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    await lease(records)
    await report(records, record.aid)
    later(records, 10)
    await records.edge_copies.listed(CopyListing(node=NODE, tenant=CLOUD, opens=True), region="eu-fr")
    assert await states(records, record.asset_id, place_names.EDGES) == {record.aid: ("present", "")}


async def test_a_copy_that_came_while_the_files_were_listed_stays(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    await lease(records)
    await records.edge_copies.listed(CopyListing(node=NODE, tenant=CLOUD, opens=True), region="eu-fr")
    later(records, 1)
    await report(records, record.aid)
    await records.edge_copies.listed(CopyListing(node=NODE, tenant=CLOUD, closes=True), region="eu-fr")
    assert await states(records, record.asset_id, place_names.EDGES) == {record.aid: ("present", "")}


async def test_what_an_edge_still_lists_long_after_it_was_erased_or_replaced_is_a_difference(records: Records) -> None:
    erased = (await upload(records, name("erased"))).record
    replaced = (await upload(records, name("jane"))).record
    await lease(records)
    await report(records, replaced.aid, erased.aid)
    await records.erase(CLOUD, PurgeTargets(asset_ids=(erased.asset_id,)))
    current = (await upload(records, name("jane"), b"new")).record
    await listing(records, replaced.aid, erased.aid)
    assert (await crawled(records)).total == 0, "it is being deleted there"
    assert (await states(records, current.asset_id, place_names.EDGES))[replaced.aid] == ("going", "replaced")
    later(records, STRANGER_SECONDS + 1)
    await listing(records, replaced.aid, erased.aid)
    found = await crawled(records)
    assert found.strangers == 2
    assert {one.version_id for one in found.examples} == {replaced.aid, erased.aid}
    later(records, 1)
    await listing(records)
    assert (await crawled(records)).total == 0
    assert (await states(records, current.asset_id, place_names.EDGES))[replaced.aid] == ("gone", "replaced")


async def test_a_listing_of_a_cloud_that_is_none_or_with_ids_that_are_none_is_not_noted(
    records: Records, tmp_path: Path
) -> None:
    await records.edge_copies.listed(CopyListing(node=NODE, tenant="nobody", aids=(Aid("a" * 32),)), region="eu-de")
    for wrong in (
        {"node": "n", "aids": ()},
        {"node": NODE, "aids": ("jane",)},
        {"node": NODE, "aids": ("a" * 32,) * 1001},
    ):
        with pytest.raises(BadRequest):
            await records.edge_copies.listed(CopyListing(tenant=CLOUD, **wrong), region="eu-de")  # type: ignore[arg-type]
    assert count_rows(tmp_path, "placement") == 0


# --- statements -----------------------------------------------------------------------------------------------------


async def test_a_statement_names_no_place_that_the_ledger_has_not(records: Records) -> None:
    record = (await upload(records, name("jane"), backup=True)).record
    await lease(records)
    await report(records, record.aid)
    ledger = {one.place for one in await records.places.of_asset(CLOUD, record.asset_id, regions={})}
    statement = await records.erase(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    told = {one["place"] for one in (*statement.body["places"], *statement.body["residuals"])}
    assert len(told) >= 4
    assert told <= ledger

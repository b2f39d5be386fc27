from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domicile.media.coordinates import Coordinates
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from domicile.media.journal import Kind
from domicile.media.keys import COORDINATES, LABELS, name_hash
from origin.records import AssetRecord, Edit, Filter, PurgeTargets, Records
from tests.infra.records import CLOUD, name, upload


def made(delivery_type: str) -> Edit:
    return lambda record: replace(record, name=replace(record.name, delivery_type=delivery_type))


def tagged(tag: str) -> Edit:
    return lambda record: replace(record, tags=(*record.tags, tag))


async def test_a_rename_moves_the_record_and_keeps_its_bytes(records: Records) -> None:
    before = (await upload(records, name("a/old"))).record
    done = await records.rename(name("a/old"), "b/new")
    assert await records.get(name("a/old")) is None
    assert await records.get(name("b/new")) == done.record
    assert (done.record.aid, done.record.asset_id) == (before.aid, before.asset_id)


async def test_a_rename_fences_both_names(records: Records) -> None:
    await upload(records, name("old"))
    await records.rename(name("old"), "new")
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert (entry.kind, len(entry.names), entry.aids) == (Kind.NAME, 2, ())


async def test_a_taken_name_is_refused_unless_overwrite_is_asked_for(records: Records) -> None:
    await upload(records, name("old"))
    taken = (await upload(records, name("new"))).record
    with pytest.raises(AssetExists):
        await records.rename(name("old"), "new")
    assert await records.get(name("new")) == taken
    done = await records.rename(name("old"), "new", overwrite=True)
    assert done.overwritten
    assert records._core.keyring.of(taken.aid) is None
    assert [record.name.public_id for record in (await records.list(CLOUD, Filter())).records] == ["new"]


async def test_renaming_what_does_not_exist_is_not_found(records: Records) -> None:
    with pytest.raises(AssetNotFound):
        await records.rename(name("nothing"), "new")


async def test_renaming_to_the_same_name_changes_nothing_but_the_number(records: Records) -> None:
    before = (await upload(records, name("same"))).record
    done = await records.rename(name("same"), "same")
    assert done.record == before
    assert not done.overwritten


async def test_a_change_of_type_frees_the_old_type(records: Records) -> None:
    await upload(records, name("jane"))
    done = await records.edit([name("jane")], made("private"))
    assert done.record.name.delivery_type == "private"
    assert await records.get(name("jane")) is None
    assert await records.get(name("jane", delivery_type="private")) == done.record


async def test_tags_and_context_are_replaced_only_when_given(records: Records) -> None:
    await upload(records, name("jane"), tags=("a",), context={"k": "v"})
    changed = (await records.edit([name("jane")], lambda record: replace(record, tags=("b",)))).record
    assert (changed.tags, changed.context) == (("b",), {"k": "v"})
    assert await records.get(name("jane")) == changed


async def test_a_change_of_tags_is_an_entry_that_voids_what_conditions_on_them_gave(records: Records) -> None:
    await upload(records, name("jane"), tags=("a",))
    await records.edit([name("jane")], tagged("b"))
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert (entry.kind, entry.aids) == (Kind.NAME, ())
    assert entry.names == (name_hash(tenant.name_key, LABELS, name("jane").text),)


async def test_a_change_of_coordinates_is_an_entry_that_voids_what_read_them(records: Records) -> None:
    await upload(records, name("jane"), tags=("a",))
    stored = Coordinates(custom=((5, 6, 7, 8),))
    done = await records.edit([name("jane")], lambda record: replace(record, coordinates=stored))
    assert (done.record.coordinates, (await records.get(name("jane")))) == (stored, done.record)
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert entry.names == (name_hash(tenant.name_key, COORDINATES, name("jane").text),)


async def test_a_tag_selects_what_carries_it_now(records: Records) -> None:
    await upload(records, name("jane"), tags=("old",))
    await records.edit([name("jane")], lambda record: replace(record, tags=("new",)))
    assert not (await records.list(CLOUD, Filter(tag="old"))).records
    assert (await records.erase_preview(CLOUD, PurgeTargets(tags=("old",)))).total == 0
    assert (await records.erase_preview(CLOUD, PurgeTargets(tags=("new",)))).total == 1


async def test_a_folder_selects_what_lies_in_it_after_a_rename(records: Records) -> None:
    await upload(records, name("a/x"))
    await records.rename(name("a/x"), "b/x")
    assert (await records.erase_preview(CLOUD, PurgeTargets(prefixes=("a",)))).total == 0
    assert (await records.erase_preview(CLOUD, PurgeTargets(prefixes=("b",)))).total == 1


async def test_changes_at_once_do_not_lose_each_other(records: Records) -> None:
    await upload(records, name("jane"))
    await asyncio.gather(*(records.edit([name("jane")], tagged(f"t{n}")) for n in range(12)))
    record = await records.get(name("jane"))
    assert record is not None
    assert sorted(record.tags) == sorted(f"t{n}" for n in range(12))


async def test_the_first_candidate_that_exists_is_changed(records: Records) -> None:
    await upload(records, name("jane", delivery_type="private"))
    await upload(records, name("jane"))
    wanted = [name("jane", delivery_type="authenticated"), name("jane"), name("jane", delivery_type="private")]
    done = await records.edit(wanted, made("authenticated"))
    assert done.record.name == wanted[0]
    assert await records.get(name("jane")) is None
    assert await records.get(name("jane", delivery_type="private")) is not None


async def test_a_change_that_is_refused_has_changed_nothing(records: Records) -> None:
    record = (await upload(records, name("jane"))).record

    def bad(record: AssetRecord) -> AssetRecord:
        return replace(made("private")(record), tags=("x" * 300,))

    with pytest.raises(BadRequest):
        await records.edit([name("jane")], bad)
    assert await records.get(name("jane")) == record
    assert await records.get(name("jane", delivery_type="private")) is None
    assert (await records.head(CLOUD)).seq == 1


async def test_a_change_of_type_does_not_take_a_name_from_another(records: Records) -> None:
    await upload(records, name("jane"))
    other = (await upload(records, name("jane", delivery_type="private"))).record
    with pytest.raises(AssetExists):
        await records.edit([name("jane")], made("private"))
    assert await records.get(name("jane", delivery_type="private")) == other

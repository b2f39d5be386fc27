from __future__ import annotations

import pytest

from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.journal import Kind
from origin.records import Filter, PurgeTargets, Records
from tests.infra.records import CLOUD, name, upload


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
    done = await records.retype(name("jane"), "private")
    assert done.record.name.delivery_type == "private"
    assert await records.get(name("jane")) is None
    assert await records.get(name("jane", delivery_type="private")) == done.record


async def test_tags_and_context_are_replaced_only_when_given(records: Records) -> None:
    await upload(records, name("jane"), tags=("a",), context={"k": "v"})
    changed = await records.update(name("jane"), tags=("b",))
    assert (changed.tags, changed.context) == (("b",), {"k": "v"})
    assert await records.get(name("jane")) == changed


async def test_a_tag_selects_what_carries_it_now(records: Records) -> None:
    await upload(records, name("jane"), tags=("old",))
    await records.update(name("jane"), tags=("new",))
    assert not (await records.list(CLOUD, Filter(tag="old"))).records
    assert not await records.erase_preview(CLOUD, PurgeTargets(tags=("old",)))
    assert len(await records.erase_preview(CLOUD, PurgeTargets(tags=("new",)))) == 1


async def test_a_folder_selects_what_lies_in_it_after_a_rename(records: Records) -> None:
    await upload(records, name("a/x"))
    await records.rename(name("a/x"), "b/x")
    assert not await records.erase_preview(CLOUD, PurgeTargets(prefixes=("a",)))
    assert len(await records.erase_preview(CLOUD, PurgeTargets(prefixes=("b",)))) == 1

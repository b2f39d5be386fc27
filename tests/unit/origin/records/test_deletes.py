from __future__ import annotations

from pathlib import Path

import pytest

from domicile.media.errors import BadRequest
from domicile.media.journal import Kind
from origin.records import Filter, Records, backups, deletes
from tests.infra.records import CLOUD, name, upload


async def test_destroy_leaves_neither_name_nor_key_nor_bytes(records: Records, tmp_path: Path) -> None:
    record = (await upload(records, name("jane"))).record
    removed = await records.destroy(name("jane"))
    assert removed is not None
    assert removed.aid == record.aid
    assert await records.get(name("jane")) is None
    assert await records.get_by_asset_id(CLOUD, record.asset_id) is None
    assert records._core.keyring.of(record.aid) is None
    assert not list((tmp_path / "data" / "originals").rglob(record.aid))
    assert not (await records.list(CLOUD, Filter())).records


async def test_destroy_is_an_erase_entry_of_aid_and_name(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    await records.destroy(name("jane"))
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert (entry.kind, entry.aids, len(entry.names)) == (Kind.ERASE, (record.aid,), 1)


async def test_destroying_nothing_is_none_and_moves_nothing(records: Records) -> None:
    assert await records.destroy(name("nobody")) is None
    assert (await records.head(CLOUD)).seq == 0


async def test_the_name_can_be_used_again(records: Records) -> None:
    first = (await upload(records, name("jane"))).record
    await records.destroy(name("jane"))
    second = (await upload(records, name("jane"))).record
    assert second.asset_id != first.asset_id
    assert await records.get(name("jane")) == second


async def test_a_bulk_delete_tells_what_was_missing(records: Records) -> None:
    await upload(records, name("a"))
    await upload(records, name("b"))
    many = await records.destroy_many(CLOUD, names=[name("a"), name("nothing"), name("b")])
    assert sorted(removed.name.public_id for removed in many.removed) == ["a", "b"]
    assert many.missing == (name("nothing"),)
    assert not many.more
    assert (await records.head(CLOUD)).seq == 3, "one entry for the whole call"


async def test_a_filter_deletes_exactly_what_it_lists(records: Records) -> None:
    for public_id in ("a/1", "a/2", "ab"):
        await upload(records, name(public_id))
    await upload(records, name("a/1", delivery_type="private"))
    where = Filter(resource_type="image", delivery_type="upload", prefix="a/")
    many = await records.destroy_many(CLOUD, where=where)
    assert sorted(removed.name.public_id for removed in many.removed) == ["a/1", "a/2"]
    assert await records.get(name("ab")) is not None
    assert await records.get(name("a/1", delivery_type="private")) is not None


async def test_an_empty_filter_deletes_this_cloud_and_no_other(records: Records) -> None:
    await records.create_tenant("other")
    await upload(records, name("a"))
    other = (await upload(records, name("a", cloud="other"))).record
    many = await records.destroy_many(CLOUD, where=Filter())
    assert len(many.removed) == 1
    assert await records.get(name("a", cloud="other")) == other


async def test_names_of_another_cloud_are_not_touched(records: Records) -> None:
    await records.create_tenant("other")
    other = (await upload(records, name("a", cloud="other"))).record
    many = await records.destroy_many(CLOUD, names=[name("a", cloud="other")], asset_ids=[other.asset_id])
    assert not many.removed
    assert await records.get(name("a", cloud="other")) == other


async def test_forgetting_one_asset_leaves_the_others_readable(records: Records) -> None:
    for n in range(5):
        await upload(records, name(f"n{n}"))
    await records.destroy(name("n2"))
    assert [await records.get(name(f"n{n}")) is not None for n in range(5)] == [True, True, False, True, True]


async def test_all_that_is_named_is_deleted_in_as_many_entries_as_it_takes(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletes, "DELETE_ASSETS_MAX", 2)
    ids = [(await upload(records, name(f"n{n}"))).record.asset_id for n in range(6)]
    many = await records.destroy_many(CLOUD, names=[*(name(f"no{n}") for n in range(5)), name("n0"), name("n1")])
    assert [removed.name.public_id for removed in many.removed] == ["n0", "n1"]
    assert len(many.missing) == 5
    assert not many.more
    by_id = await records.destroy_many(CLOUD, asset_ids=ids)
    assert len(by_id.removed) == 4
    entries = (await records.entries({CLOUD: 6}, wait_seconds=0)).entries
    assert [len(entry.aids) for entry in entries] == [1, 1, 2, 2]


async def test_more_than_one_call_may_name_is_refused_whole(records: Records) -> None:
    await upload(records, name("jane"))
    with pytest.raises(BadRequest, match="at most 1000"):
        await records.destroy_many(CLOUD, names=[name("jane"), *(name(f"n{n}") for n in range(1000))])
    assert await records.get(name("jane")) is not None


@pytest.mark.parametrize("after", range(1, 7))
async def test_a_policy_that_changes_during_a_delete_leaves_no_version_that_its_entry_does_not_name(
    records: Records, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    versions = [(await upload(records, name(public_id), backup=True)).record for public_id in ("a", "b")]
    answers = iter([30] * after)
    monkeypatch.setattr(backups, "days_of", lambda *_: next(answers, 0))
    await records.destroy_many(CLOUD, names=[version.name for version in versions])
    erased = {
        aid
        for entry in (await records.entries({CLOUD: 0}, wait_seconds=0)).entries
        for aid in entry.aids
        if entry.kind == Kind.ERASE
    }
    assert [version.aid in erased for version in versions] == [
        records._core.keyring.of(one.aid) is None for one in versions
    ]

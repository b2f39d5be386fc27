from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from domicile.media.access import AccessRule
from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.journal import Kind
from domicile.media.policy import Activity
from origin.catalogue.engine import Database, sqlite_url
from origin.catalogue.tables import backup, backup_label
from origin.migrations import migrate
from origin.records import AssetRecord, Filter, NewAsset, PurgeTargets, Records, backups, whole
from origin.records.opening import SYSTEM_CLOCKS, Clocks
from tests.infra.migrating import upgrade
from tests.infra.records import CLOUD, crawled, facts, keep, name, opened, restore, settings, upload

DAY = 86_400.0


def policy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    path.write_text(path.read_text("utf-8") + text, "utf-8")


async def entries(records: Records) -> list:
    return list((await records.entries({CLOUD: 0}, wait_seconds=0)).entries)


async def body_of(records: Records, record: AssetRecord) -> bytes:
    return await whole(await records.open_original(record, records.permit(CLOUD, Activity.STORE)))


async def kept(records: Records, public_id: str, body: bytes = b"picture", **changes: object) -> AssetRecord:
    return (await upload(records, name(public_id), body, backup=True, **changes)).record


async def test_a_deleted_version_is_hidden_and_comes_back_byte_for_byte_as_a_new_one(
    records: Records, tmp_path: Path
) -> None:
    old = await kept(records, "jane", b"the bytes", tags=("t",), context={"alt": "Jane"})
    removed = await records.destroy(name("jane"))
    assert removed is not None
    assert removed.kept
    assert await records.get(name("jane")) is None
    assert not (await records.list(CLOUD, Filter())).records
    with pytest.raises(AssetNotFound):
        await body_of(records, old)
    (backup,) = await records.backups.of_name(name("jane"))
    assert backup.record == old
    done = await records.backups.restore(backup)
    new = done.record
    assert await body_of(records, new) == b"the bytes"
    assert (new.asset_id, new.tags, new.context, new.name) == (old.asset_id, ("t",), {"alt": "Jane"}, old.name)
    assert new.aid != old.aid
    assert await records.get(name("jane")) == new
    assert [record.aid for record in (await records.list(CLOUD, Filter(tag="t"))).records] == [new.aid]
    files = [path.read_bytes() for path in (tmp_path / "data" / "originals").rglob("*") if path.is_file()]
    assert len(set(files)) == 2, "sealed anew under a key of its own"


async def test_edges_are_told_to_withhold_it_and_nobody_resolves_it(records: Records) -> None:
    old = await kept(records, "jane")
    await records.destroy(name("jane"))
    last = (await entries(records))[-1]
    assert (last.kind, last.aids, len(last.names)) == (Kind.RESTRICT, (old.aid,), 1)
    with pytest.raises(AssetNotFound):
        await records.read_original(old.aid, records.permit(CLOUD, Activity.STORE), None)


async def test_without_backup_it_ends_as_an_erase(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    removed = await records.destroy(name("jane"))
    assert removed is not None
    assert not removed.kept
    assert records._core.keyring.of(record.aid) is None
    assert await records.backups.of_name(name("jane")) == ()


async def test_replaced_versions_are_kept_and_each_can_be_brought_back(records: Records) -> None:
    first = await kept(records, "jane", b"one")
    second = await kept(records, "jane", b"two")
    third = (await upload(records, name("jane"), b"three")).record
    found = await records.backups.of_asset(CLOUD, third.asset_id)
    assert {backup.record.aid for backup in found} == {first.aid, second.aid}
    back = next(backup for backup in found if backup.record.aid == first.aid)
    done = await records.backups.restore(back)
    assert done.overwritten
    assert done.record.version > third.version
    assert await body_of(records, done.record) == b"one"
    assert records._core.keyring.of(third.aid) is None, "it was uploaded without backup"
    assert done.record.asset_id == third.asset_id


async def test_a_renamed_asset_gets_its_old_version_under_its_new_name(records: Records) -> None:
    await kept(records, "jane", b"one")
    await kept(records, "jane", b"two")
    await records.rename(name("jane"), "joan")
    (backup,) = await records.backups.of_name(name("joan"))
    done = await records.backups.restore(backup)
    assert (done.record.name, await body_of(records, done.record)) == (name("joan"), b"one")
    assert await records.get(name("jane")) is None


async def test_what_a_rename_replaces_is_kept_too(records: Records) -> None:
    lost = await kept(records, "jane")
    await upload(records, name("joan"), b"other")
    await records.rename(name("joan"), "jane", overwrite=True)
    assert records._core.keyring.of(lost.aid) is not None
    (backup,) = await records.backups.of_asset(CLOUD, lost.asset_id)
    with pytest.raises(AssetExists):
        await records.backups.restore(backup)
    await records.destroy(name("jane"))
    done = await records.backups.restore(backup)
    assert (done.record.asset_id, done.record.name) == (lost.asset_id, name("jane"))


CLOSED = (AccessRule(access_type="token"),)


async def test_no_old_version_opens_what_was_closed_since(records: Records) -> None:
    await kept(records, "jane")
    await kept(records, "jane", b"two")
    (backup,) = await records.backups.of_name(name("jane"))
    await records.edit([name("jane")], lambda record: replace(record, access_control=CLOSED))
    assert backup.record.access_control == (), "as it was read before"
    assert (await records.backups.restore(backup)).record.access_control == CLOSED


@pytest.mark.parametrize("how", ["edited", "overwritten", "retyped", "overwritten while kept"])
async def test_a_delete_and_a_restore_of_an_older_version_open_nothing_that_was_closed(
    records: Records, how: str
) -> None:
    first = await kept(records, "jane", b"one")
    if how == "overwritten":
        await upload(records, name("jane"), b"two", access_control=CLOSED)
    elif how == "overwritten while kept":
        await kept(records, "jane", b"two")
        await upload(records, name("jane"), b"three", access_control=CLOSED)
    else:
        await upload(records, name("jane"), b"two")
    kind = "authenticated" if how == "retyped" else "upload"
    if how == "retyped":
        await records.rename(name("jane"), "jane", to_type=kind)
    if how == "edited":
        await records.edit([name("jane")], lambda record: replace(record, access_control=CLOSED))
    await records.destroy(name("jane", delivery_type=kind))
    backup = next(one for one in await records.backups.of_name(name("jane")) if one.record.aid == first.aid)
    done = (await records.backups.restore(backup)).record
    assert done.name == name("jane", delivery_type=kind)
    assert done.access_control == (() if how == "retyped" else CLOSED)
    assert await body_of(records, done) == b"one"


async def test_a_version_that_was_read_before_its_asset_was_closed_is_restored_closed(records: Records) -> None:
    await kept(records, "jane", b"one")
    await upload(records, name("jane"), b"two")
    (before,) = await records.backups.of_name(name("jane"))
    await records.edit([name("jane")], lambda record: replace(record, access_control=CLOSED))
    await records.destroy(name("jane"))
    assert before.record.access_control == ()
    assert (await records.backups.restore(before)).record.access_control == CLOSED


async def test_a_bulk_delete_says_of_each_what_became_of_it(records: Records) -> None:
    held = await kept(records, "a")
    gone = (await upload(records, name("b"))).record
    many = await records.destroy_many(CLOUD, names=[name("a"), name("b"), name("c")])
    assert {removed.name.public_id: removed.kept for removed in many.removed} == {"a": True, "b": False}
    assert (many.missing, many.more) == ((name("c"),), False)
    assert [(entry.kind, entry.aids) for entry in (await entries(records))[-2:]] == [
        (Kind.ERASE, (gone.aid,)),
        (Kind.RESTRICT, (held.aid,)),
    ]
    await kept(records, "p/a")
    await upload(records, name("p/b"))
    many = await records.destroy_many(CLOUD, where=Filter(prefix="p/"))
    assert (len(many.removed), many.more) == (2, False)


@pytest.mark.parametrize(
    "targets",
    [
        lambda record: PurgeTargets(public_ids=("people/jane",)),
        lambda record: PurgeTargets(asset_ids=(record.asset_id,)),
        lambda record: PurgeTargets(tags=("t",)),
        lambda record: PurgeTargets(prefixes=("people",)),
        lambda record: PurgeTargets(urls=("/acme/image/upload/w_100/people/jane.jpg",)),
        lambda record: PurgeTargets(everything=True),
    ],
    ids=["public_id", "asset_id", "tag", "prefix", "url", "everything"],
)
@pytest.mark.parametrize("lives", [True, False])
async def test_an_erase_takes_every_version_and_none_comes_back(records: Records, targets, lives: bool) -> None:
    versions = [await kept(records, "people/jane", b"%d" % n, tags=("t",)) for n in range(3)]
    other = await kept(records, "joan")
    await records.destroy(name("joan"))
    backup = (await records.backups.of_name(name("people/jane")))[0]
    if not lives:
        await records.destroy(name("people/jane"))
    asked = targets(versions[0])
    preview = await records.erase_preview(CLOUD, asked)
    assert (preview.total, preview.backups) == (int(lives), 2 + (not lives) + asked.everything)
    statement = await records.erase(CLOUD, asked)
    assert statement.body["removed"]["versions"] == 3 + asked.everything
    assert statement.body["outcome"] == "erased"
    assert [records._core.keyring.of(version.aid) for version in versions] == [None] * 3
    assert (records._core.keyring.of(other.aid) is None) is asked.everything
    assert await records.backups.of_name(name("people/jane")) == ()
    with pytest.raises(AssetNotFound):
        await records.backups.restore(backup)
    with pytest.raises(AssetNotFound):
        await records.erase(CLOUD, asked)


async def test_an_erase_of_more_versions_than_an_entry_holds_takes_all(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.records.removing.ENTRY_TARGETS_MAX", 4)
    versions = [await kept(records, "jane", b"%d" % n) for n in range(6)]
    url = PurgeTargets(urls=("/acme/image/upload/jane.jpg",))
    assert (await records.erase(CLOUD, url)).body["removed"]["versions"] == 6
    assert [records._core.keyring.of(version.aid) for version in versions] == [None] * 6


async def test_a_restore_that_meets_an_erase_loses(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await kept(records, "jane")
    await records.destroy(name("jane"))
    (backup,) = await records.backups.of_name(name("jane"))
    real = records.backups._uploads.put_original

    async def put(*args: object) -> None:
        await real(*args)  # type: ignore[arg-type]
        await records.erase(CLOUD, PurgeTargets(asset_ids=(old.asset_id,)))

    monkeypatch.setattr(records.backups._uploads, "put_original", put)
    with pytest.raises(AssetNotFound):
        await records.backups.restore(backup)
    assert await records.get(name("jane")) is None
    assert not [path async for path in records._core.blobs.list()], "nor is the draft left"


async def test_some_versions_can_be_forgotten_alone(records: Records) -> None:
    first, second = [await kept(records, "jane", b"%d" % n) for n in range(2)]
    third = await kept(records, "jane", b"3")
    assert await records.backups.forget(CLOUD, first.asset_id, [first.aid, third.aid]) == (first.aid,)
    assert records._core.keyring.of(first.aid) is None
    assert (await entries(records))[-1].kind == Kind.ERASE
    assert [backup.record.aid for backup in await records.backups.of_name(name("jane"))] == [second.aid]
    assert await records.backups.forget(CLOUD, "0" * 32, [second.aid]) == ()
    assert await records.get(name("jane")) == third


async def test_nothing_is_kept_longer_than_the_policy_says_or_beyond_the_number(tmp_path: Path) -> None:
    now = [SYSTEM_CLOCKS.wall()]
    clocks = Clocks(wall=lambda: now[0], monotonic=SYSTEM_CLOCKS.monotonic)
    async with Records.open(settings(tmp_path, backups_max=2), clocks) as records:
        await records.create_tenant(CLOUD)
        versions = []
        for n in range(4):
            versions.append(await kept(records, f"n{n}", b"%d" % n))
            await records.destroy(name(f"n{n}"))
            now[0] += 1
        assert await records.backups.totals(CLOUD) == (4, 4)
        await backups.drop_old(records._core)
        there = [records._core.keyring.of(version.aid) is not None for version in versions]
        assert there == [False, False, True, True], "the oldest make room"
        now[0] += 29 * DAY
        await backups.drop_old(records._core)
        assert (await records.backups.totals(CLOUD))[0] == 2
        now[0] += 1 * DAY
        await backups.drop_old(records._core)
        assert await records.backups.totals(CLOUD) == (0, 0)
        assert records._core.keyring.of(versions[3].aid) is None
        assert (await entries(records))[-1].kind == Kind.ERASE
        assert not [blob async for blob in records._core.blobs.list()]


@pytest.mark.parametrize("rules", ["\n[backups]\ndays = 0\n", "\n[zones]\nbackup = []\n"], ids=["days", "zones"])
async def test_a_policy_can_have_nothing_kept(tmp_path: Path, rules: str) -> None:
    async with opened(tmp_path) as records:
        policy(tmp_path, rules)
        await records.reload_policies()
        record = await kept(records, "jane")
        await records.destroy(name("jane"))
        assert records._core.keyring.of(record.aid) is None


async def test_what_holds_bytes_of_others_is_not_kept(records: Records) -> None:
    source = await kept(records, "source")
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"both", records.permit(CLOUD, Activity.STORE), (source.aid,))
    asset = NewAsset(name=name("made"), facts=facts(b"both"), sources=(source.aid,), backup=True, created_at=1.0)
    made = (await records.commit_upload(draft, asset)).record
    await records.destroy(name("made"))
    assert records._core.keyring.of(made.aid) is None


async def test_a_kill_after_each_step_is_put_right_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is the step: before it nothing has happened, after it what is left is done at start."""

    async def killed(*_: object) -> None:
        raise OSError("killed")

    async with opened(tmp_path) as records:
        first = await kept(records, "jane", b"one")
        await records.destroy(name("jane"))
    async with opened(tmp_path) as records:  # deleted: under retention after a restart, too
        (backup,) = await records.backups.of_name(name("jane"))
        with monkeypatch.context() as cut:  # a restore that dies between its bytes and its name
            cut.setattr(records.backups._uploads, "_commit", killed)
            cut.setattr(records.backups._uploads, "discard", killed)
            with pytest.raises(OSError, match="killed"):
                await records.backups.restore(backup)
        assert len([blob async for blob in records._core.blobs.list()]) == 2
    async with opened(tmp_path) as records:
        assert [blob.aid async for blob in records._core.blobs.list()] == [first.aid]
        assert (await crawled(records)).total == 0
        (backup,) = await records.backups.of_name(name("jane"))
        second = (await records.backups.restore(backup)).record
        with monkeypatch.context() as cut:  # an erase that dies after its commit
            cut.setattr(type(records._core), "forget_and_wait", killed)
            with pytest.raises(OSError, match="killed"):
                await records.backups.forget(CLOUD, first.asset_id, [first.aid])
        assert records._core.keyring.of(first.aid) is not None
    async with opened(tmp_path) as records:
        assert records._core.keyring.of(first.aid) is None
        assert [blob.aid async for blob in records._core.blobs.list()] == [second.aid]
        assert await body_of(records, second) == b"one"


async def test_yesterdays_catalogue_does_not_bring_back_what_was_deleted_since(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        deleted = await kept(records, "deleted", b"d", tags=("t",))
        erased = await kept(records, "erased", b"e")
        await records.destroy(name("erased"))
    shutil.copytree(tmp_path / "data", tmp_path / "yesterday")
    async with opened(tmp_path) as records:
        await records.destroy(name("deleted"))
        await records.erase(CLOUD, PurgeTargets(asset_ids=(erased.asset_id,)))
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "yesterday", tmp_path / "data")
    async with opened(tmp_path) as records:
        assert await records.get(name("deleted")) is None
        assert not (await records.list(CLOUD, Filter())).records
        assert await records.backups.of_name(name("erased")) == ()
        assert records._core.keyring.of(erased.aid) is None
        (backup,) = await records.backups.of_name(name("deleted"))
        assert (await records.backups.restore(backup)).record.tags == deleted.tags


async def test_what_is_restored_is_about_everybody_that_the_asset_is_about_now(records: Records) -> None:
    await kept(records, "jane", b"one", subject_ids=("p1",))
    await kept(records, "jane", b"two", subject_ids=("p1", "p2"))
    (first,) = await records.backups.of_name(name("jane"))
    assert (await records.backups.restore(first)).record.subject_ids == ("p1", "p2")


async def test_a_restored_catalogue_knows_the_names_of_erased_backups(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await kept(records, "jane")
        await records.destroy(name("jane"))
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.erase(CLOUD, PurgeTargets(public_ids=("jane",)))
        assert await records.fetched.is_shunned(name("jane"))
    restore(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        assert await records.backups.of_name(name("jane")) == ()
        assert await records.fetched.is_shunned(name("jane")), "no upload mapping brings it again"


async def test_of_more_versions_than_are_listed_each_can_be_named(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.records.restores.BACKUPS_SHOWN_MAX", 1)
    versions = [await kept(records, "jane", b"%d" % n) for n in range(4)]
    assert len(await records.backups.of_name(name("jane"))) == 1
    asset_id, oldest = versions[0].asset_id, versions[0].aid
    assert [one.record for one in await records.backups.of_versions(CLOUD, asset_id, [oldest])] == [versions[0]]
    assert await records.backups.forget(CLOUD, asset_id, [oldest]) == (oldest,)
    assert [records._core.keyring.of(one.aid) is None for one in versions] == [True, False, False, False]


@pytest.mark.sqlite
async def test_older_versions_are_given_the_labels_of_later_ones_that_an_older_release_kept(tmp_path: Path) -> None:
    database = Database.open(sqlite_url(tmp_path / "catalogue.db"))
    async with database.write() as connection:
        await connection.run_sync(upgrade, "0015")
        rows = [
            {"aid": aid, "tenant": CLOUD, "asset_id": asset, "name_hash": called, "ended_at": at}
            for aid, asset, called, at in (("1", "a", "n1", 1.0), ("2", "a", "n2", 2.0), ("3", "b", "n3", 3.0))
        ]
        await connection.execute(insert(backup), [{**row, "meta": b"", "body_bytes": 0} for row in rows])
        given = [{"aid": aid, "hash": label, "tenant": CLOUD} for aid, label in (("1", "t"), ("2", "t"), ("2", "u"))]
        await connection.execute(insert(backup_label), given)
    await migrate(database)
    async with database.read() as connection:
        found = {(row.aid, row.hash) for row in await connection.execute(select(backup_label))}
    await database.close()
    assert found == {("1", "t"), ("1", "u"), ("1", "n2"), ("2", "t"), ("2", "u")}

"""An erase is whole: of every version that its asset ever had, at one place of the journal, through crashes at any step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.journal import Kind
from origin.catalogue import tables as t
from origin.journal import Journal
from origin.keyring import Keyring
from origin.records import AssetRecord, PurgeTargets, Records, Versions, backups, erasure_rows
from origin.records.audit import AuditLog
from origin.records.core import Core
from origin.records.erasures import Erasures, _Asked
from origin.store.local import LocalStore
from tests.infra.records import CLOUD, name, opened, upload

JANE = PurgeTargets(public_ids=("jane",))


class Crash(BaseException):
    """A kill: nothing that is written for errors hears of it."""


async def kept(records: Records, public_id: str = "jane", body: bytes = b"picture", **changes: Any) -> AssetRecord:
    return (await upload(records, name(public_id), body, backup=True, **changes)).record


async def two_versions(records: Records, **changes: Any) -> list[AssetRecord]:
    """One under retention, and the one that the asset has now."""
    return [await kept(records, body=body, **changes) for body in (b"one", b"two")]


async def labelled(records: Records, public_id: str, **changes: Any) -> None:
    await records.edit([name(public_id)], lambda record: replace(record, **changes))


def left(records: Records, versions: list[AssetRecord]) -> list[bool]:
    return [records._core.keyring.of(version.aid) is not None for version in versions]


async def test_what_is_kept_and_what_lives_go_with_one_entry(records: Records) -> None:
    versions = await two_versions(records)
    before = await records.head(CLOUD)
    await records.erase(CLOUD, JANE)
    (entry,) = (await records.entries({CLOUD: before.seq}, wait_seconds=0)).entries
    assert (entry.kind, set(entry.aids)) == (Kind.ERASE, {version.aid for version in versions})


async def test_a_crash_at_any_statement_of_an_erase_has_changed_nothing(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = await two_versions(records, tags=("t",))
    real, before = AsyncConnection.execute, await records.head(CLOUD)
    steps, at, done = 0, 0, False

    async def execute(connection: AsyncConnection, *args: Any, **options: Any) -> Any:
        nonlocal at
        at -= 1
        if at == 0:
            raise Crash
        return await real(connection, *args, **options)

    while not done:
        steps, at = steps + 1, steps + 1
        with monkeypatch.context() as broken:
            broken.setattr(AsyncConnection, "execute", execute)
            try:
                await records._core.shield.run(_taken(records))
                done = True
            except Crash:
                pass
        if not done:
            assert await records.get(name("jane")) == versions[1]
            assert [one.record for one in await records.backups.of_name(name("jane"))] == [versions[0]]
            assert await records.head(CLOUD) == before
    assert steps > 15
    assert await records.get(name("jane")) is None
    assert not await records.backups.of_name(name("jane"))


async def _taken(records: Records) -> None:
    """The transaction alone."""
    core = records._core
    asked = _Asked(tenant=CLOUD, targets=JANE, versions=Versions.ALL, request=None, selector="s", once=None)
    async with core.journal.change(CLOUD) as change:
        await Erasures(core)._take(change, asked, None)


@pytest.mark.parametrize(
    ("where", "step"),
    [
        (Journal, "_committed"),
        (Core, "forget_and_wait"),
        (Keyring, "puncture"),
        (LocalStore, "delete"),
        (Core, "_undoom"),
        (Erasures, "_told"),
        (erasure_rows, "close"),
        (AuditLog, "append"),
    ],
    ids=["copied", "forgetting", "keys", "files", "over", "told", "closed", "logged"],
)
@pytest.mark.sqlite
async def test_a_crash_at_any_step_after_it_leaves_nothing_served_and_the_erasure_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, step: str
) -> None:
    """Without a request_id: nobody repeats the call."""

    async def crash(*_: Any, **__: Any) -> None:
        raise Crash

    async with opened(tmp_path) as records:
        versions = await two_versions(records)
        with monkeypatch.context() as broken:
            broken.setattr(where, step, crash)
            with pytest.raises(BaseException):  # noqa: B017 - a Crash, or a group of it
                await records.erase(CLOUD, JANE)
        assert await records.get(name("jane")) is None
        assert not await records.backups.of_name(name("jane"))
    async with opened(tmp_path) as records:
        assert await records.get(name("jane")) is None
        assert left(records, versions) == [False, False]
        assert not [blob async for blob in records._core.blobs.list()]
        await Erasures(records._core).close_over()
        async with records._core.database.read() as connection:
            (row,) = (await connection.execute(select(t.erasure.c.id, t.erasure.c.leaf))).all()
        statement = await records.erasure(CLOUD, row.id)
        assert (statement.body["outcome"], statement.body["removed"]["versions"]) == ("erased", 2)
        assert row.leaf is not None


# --- what an asset carries is carried by all of its versions ----------------------------------------------------------

GIVEN_LATER = {
    "tag": ({"tags": ("t",)}, PurgeTargets(tags=("t",))),
    "subject": ({"subject_ids": ("p1",)}, PurgeTargets(subjects=("p1",))),
}


@pytest.mark.parametrize("given", GIVEN_LATER)
@pytest.mark.parametrize("last", ["lives", "kept", "erased", "replaced"])
async def test_what_an_asset_was_given_after_a_version_ended_selects_that_version(
    records: Records, given: str, last: str
) -> None:
    carries, targets = GIVEN_LATER[given]
    first = await kept(records, body=b"one")
    second = (await upload(records, name("jane"), b"two", backup=last == "kept")).record
    other = await kept(records, "joan")
    await labelled(records, "jane", **carries)
    if last in {"kept", "erased"}:
        await records.destroy(name("jane"))
    elif last == "replaced":
        await upload(records, name("jane"), b"three", subject_ids=())
    assert left(records, [first, second]) == [True, last in {"lives", "kept"}]
    await records.erase(CLOUD, targets)
    assert left(records, [first, second, other]) == [False, False, True]
    assert (await records.get(name("jane")) is not None) is (last == "replaced"), "it never carried it"


@pytest.mark.parametrize(
    "targets", [PurgeTargets(public_ids=("joan",)), PurgeTargets(urls=("/image/upload/joan.jpg",))]
)
async def test_a_later_name_selects_older_versions(records: Records, targets: PurgeTargets) -> None:
    first = await kept(records, body=b"one")
    await upload(records, name("jane"), b"two")
    await records.rename(name("jane"), "joan")
    await records.destroy(name("joan"))
    await records.erase(CLOUD, targets)
    assert left(records, [first]) == [False]


async def test_whom_an_asset_was_about_in_the_end_is_known_of_what_is_restored(records: Records) -> None:
    await kept(records, body=b"one", subject_ids=("p1",))
    await upload(records, name("jane"), b"two", subject_ids=("p2",))
    (before,) = await records.backups.of_name(name("jane"))
    await records.destroy(name("jane"))
    restored = (await records.backups.restore(before)).record
    assert set(restored.subject_ids) == {"p1", "p2"}
    await records.erase(CLOUD, PurgeTargets(subjects=("p2",)))
    assert await records.get(name("jane")) is None
    assert not await records.backups.of_name(name("jane"))


# --- selectors --------------------------------------------------------------------------------------------------------


async def test_a_subject_selects_what_is_about_that_person(records: Records) -> None:
    one = await kept(records, "one", subject_ids=("p1", "p2"))
    two = await kept(records, "two", subject_ids=("p2",))
    targets = PurgeTargets(subjects=("p1",))
    assert (await records.erase_preview(CLOUD, targets)).records == (one,)
    await records.erase(CLOUD, targets)
    assert left(records, [one, two]) == [False, True]


async def test_a_search_selects_what_it_finds_with_all_that_is_kept_of_it(records: Records) -> None:
    versions = await two_versions(records, tags=("t",), subject_ids=("p1",))
    other = await kept(records, "joan", tags=("u",))
    targets = PurgeTargets(searches=("tags=t AND subject:p1",))
    preview = await records.erase_preview(CLOUD, targets)
    assert (preview.records, preview.total, preview.backups) == ((versions[1],), 1, 1)
    statement = await records.erase(CLOUD, targets, request_id="r")
    assert left(records, [*versions, other]) == [False, False, True]
    assert await records.erase(CLOUD, targets, request_id="r") == statement
    with pytest.raises(BadRequest, match="request_id"):
        await records.erase(CLOUD, PurgeTargets(searches=("tags=u",)), request_id="r")
    for text in ("", "  ", "tags=", "nonsense:x"):
        with pytest.raises(BadRequest):
            await records.erase(CLOUD, PurgeTargets(searches=(text,)))


async def test_the_current_version_can_be_erased_alone(records: Records) -> None:
    versions = await two_versions(records)
    await labelled(records, "jane", tags=("late",))
    assert (await records.erase_preview(CLOUD, JANE, versions=Versions.CURRENT)).backups == 0
    statement = await records.erase(CLOUD, JANE, versions=Versions.CURRENT)
    assert statement.body["removed"]["versions"] == 1
    assert await records.get(name("jane")) is None
    assert left(records, versions) == [True, False]
    with pytest.raises(AssetNotFound):
        await records.erase(CLOUD, JANE, versions=Versions.CURRENT)
    await records.erase(CLOUD, PurgeTargets(tags=("late",)))
    assert left(records, versions) == [False, False], "what the last version carried finds the older one"


# --- what becomes of a version is decided once ------------------------------------------------------------------------


@pytest.mark.parametrize("after", range(1, 7))
async def test_a_policy_that_changes_during_a_delete_leaves_no_version_that_its_entry_does_not_name(
    records: Records, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    versions = [await kept(records, public_id) for public_id in ("a", "b")]
    answers = iter([30] * after)
    monkeypatch.setattr(backups, "days_of", lambda *_: next(answers, 0))
    await records.destroy_many(CLOUD, names=[version.name for version in versions])
    erased = {
        aid
        for entry in (await records.entries({CLOUD: 0}, wait_seconds=0)).entries
        for aid in entry.aids
        if entry.kind == Kind.ERASE
    }
    assert [version.aid in erased for version in versions] == [not there for there in left(records, versions)]


async def test_of_more_versions_than_are_listed_each_can_be_named(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.records.restores.BACKUPS_SHOWN_MAX", 1)
    versions = [await kept(records, body=b"%d" % n) for n in range(4)]
    assert len(await records.backups.of_name(name("jane"))) == 1
    asset_id, oldest = versions[0].asset_id, versions[0].aid
    assert [one.record for one in await records.backups.of_versions(CLOUD, asset_id, [oldest])] == [versions[0]]
    assert await records.backups.forget(CLOUD, asset_id, [oldest]) == (oldest,)
    assert left(records, versions) == [False, True, True, True]

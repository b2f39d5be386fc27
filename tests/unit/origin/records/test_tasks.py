"""What a change leaves to be done: with it or not at all, and no longer than its version lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from domicile.media.errors import AssetNotFound, Replayed
from domicile.media.policy import Activity
from origin.catalogue.task_tables import task as table
from origin.records import (
    NOTICE,
    AssetRecord,
    Filter,
    Left,
    Made,
    NewAsset,
    NewTask,
    Once,
    PurgeTargets,
    Records,
    RenditionRecord,
)
from origin.records.opening import Clocks
from origin.records.tasks import TASK_KEPT_SECONDS, add_tasks, drop_old
from tests.infra.records import CLOUD, count_rows, facts, name, opened, settings, upload, written


def leave(record: AssetRecord) -> Left:
    made = RenditionRecord(transformation="w_5", format="jpg", width=5, height=4, body_bytes=99)
    return Left(made=(Made(record=made),), tasks=(NewTask(kind=NOTICE, detail=record.aid.encode()),))


async def put(records: Records, public_id: str, *, once: Once | None = None):
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"picture", records.permit(CLOUD, Activity.STORE))
    asset = NewAsset(name=name(public_id), facts=facts(b"picture"), created_at=1_700_000_000.0)
    return await records.commit_upload(draft, asset, once=once, leave=leave)


async def test_a_task_is_there_after_a_restart_and_until_it_is_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        record = (await put(records, "jane")).record
        assert [made.transformation for made in await records.renditions(CLOUD, record.aid)] == ["w_5"]
    body = written(tmp_path)
    assert body.count(record.aid.encode()) > 0
    async with opened(tmp_path) as records:
        (task,) = await records.notices.due(limit=10)
        assert (task.tenant, task.aid, task.attempts, task.detail) == (CLOUD, record.aid, 0, record.aid.encode())
        await records.notices.later(task.id, due_at=task.created_at - 1)
        (again,) = await records.notices.due(limit=10)
        assert (again.id, again.attempts) == (task.id, 1)
        await records.notices.later(task.id, due_at=task.created_at + 3600)
        assert await records.notices.due(limit=10) == ()
        await records.notices.done(task.id)
        assert await records.eager.due(limit=10) == ()


async def test_a_task_goes_with_its_version(records: Records) -> None:
    first = (await put(records, "jane")).record
    second = (await put(records, "jane")).record
    assert [task.aid for task in await records.notices.due(limit=10)] == [second.aid]
    await records.edit([name("jane")], lambda record: replace(record, tags=("x",)), leave=leave)
    due = await records.notices.due(limit=10)
    assert len(due) == 2
    assert await records.notices.due(limit=10, but=[due[0].id]) == due[1:]
    assert await records.notices.due(limit=10, but_of=[CLOUD]) == ()
    assert [await records.notices.stands(task) for task in due] == [True, True]
    await records.destroy(name("jane"))
    assert await records.notices.due(limit=10) == ()
    assert [await records.notices.stands(task) for task in due] == [False, False]
    assert first.aid != second.aid


async def test_a_change_that_is_refused_leaves_nothing(records: Records) -> None:
    once = Once(identity="x", kept_seconds=60.0)
    await records.edit([(await put(records, "jane")).record.name], lambda record: record, once=once)
    with pytest.raises(Replayed):
        await records.edit([name("jane")], lambda record: record, once=once, leave=leave)
    assert len(await records.notices.due(limit=10)) == 1


async def test_what_could_not_be_done_for_a_week_is_dropped(tmp_path: Path) -> None:
    now = [1000.0]
    clocks = Clocks(wall=lambda: now[0], monotonic=lambda: now[0])
    async with Records.open(settings(tmp_path), clocks) as records:
        await records.create_tenant(CLOUD)
        await put(records, "jane")
        now[0] += TASK_KEPT_SECONDS - 1
        await drop_old(records._core)
        assert len(await records.notices.due(limit=10)) == 1
        now[0] += 2
        await drop_old(records._core)
        assert await records.notices.due(limit=10) == ()


async def test_one_that_cannot_be_read_keeps_no_other_waiting(records: Records) -> None:
    for public_id in ("jane", "june"):
        await put(records, public_id)
    first = (await records.notices.due(limit=10))[0]
    async with records._core.database.write() as connection:
        await connection.execute(update(table).where(table.c.id == first.id).values(detail=b"torn"))
    assert [task.id == first.id for task in await records.notices.due(limit=10)] == [False]
    async with records._core.database.read() as connection:
        assert len((await connection.execute(select(table.c.id))).all()) == 1


def says(records: Sequence[AssetRecord]) -> tuple[NewTask, ...]:
    return (NewTask(kind=NOTICE, detail=" ".join(sorted(one.name.public_id for one in records)).encode()),)


async def test_of_what_was_deleted_word_is_left_under_a_key_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        record = (await upload(records, name("jane"))).record
        assert await records.destroy(name("jane"), says=says) is not None
        assert await records.destroy(name("jane"), says=says) is None
        assert records._core.keyring.of(record.aid) is None
    async with opened(tmp_path) as records:
        (task,) = await records.notices.due(limit=10)
        assert (task.detail, task.aid == record.aid) == (b"jane", False)
        await records.notices.done(task.id)
        assert records._core.keyring.of(task.aid) is None
        assert await records.notices.due(limit=10) == ()


async def test_of_many_that_go_with_one_entry_there_is_one_word(records: Records) -> None:
    for public_id in ("jane", "june"):
        await upload(records, name(public_id))
    await records.destroy_many(CLOUD, names=[name("jane"), name("june"), name("nobody")], says=says)
    assert [task.detail for task in await records.notices.due(limit=10)] == [b"jane june"]
    await upload(records, name("jane"))
    await records.destroy_many(CLOUD, where=Filter(prefix="j"), says=says)
    await records.destroy_many(CLOUD, where=Filter(prefix="nothing"), says=says)
    assert [task.detail for task in await records.notices.due(limit=10)] == [b"jane june", b"jane"]
    assert records._uploads._drafts == {}


async def test_what_is_done_takes_no_living_key_along(records: Records) -> None:
    record = (await put(records, "jane")).record
    (task,) = await records.notices.due(limit=10)
    await records.notices.done(task.id)
    assert records._core.keyring.of(record.aid) is not None
    assert await records.get(name("jane")) is not None


async def test_the_end_of_a_task_takes_no_version_under_retention_along(records: Records) -> None:
    """As when the version was deleted between the reading of the task and its end."""
    record = (await upload(records, name("jane"), backup=True)).record
    await records.destroy(name("jane"))
    core = records._core
    key = core.keyring.of(record.aid)
    assert key is not None
    async with core.database.write() as connection:
        await add_tasks(core, connection, CLOUD, record.aid, key, [NewTask(kind=NOTICE, detail=b"x")])
    (task,) = await records.notices.due(limit=10)
    await records.notices.done(task.id)
    assert await records.notices.due(limit=10) == ()
    (backup,) = await records.backups.of_name(name("jane"))
    assert (await records.backups.restore(backup)).record.asset_id == record.asset_id


TARGETS: tuple[Callable[[AssetRecord], PurgeTargets], ...] = (
    lambda record: PurgeTargets(public_ids=("people/jane",)),
    lambda record: PurgeTargets(names=(record.name,)),
    lambda record: PurgeTargets(asset_ids=(record.asset_id,)),
    lambda record: PurgeTargets(tags=("t",)),
    lambda record: PurgeTargets(prefixes=("people",)),
    lambda record: PurgeTargets(urls=("/acme/image/upload/w_100/people/jane.jpg",)),
    lambda record: PurgeTargets(everything=True),
)


async def test_an_erase_takes_what_was_still_to_be_told_of_a_delete(records: Records) -> None:
    await upload(records, name("june"))
    await records.destroy(name("june"), says=says)
    (other,) = await records.notices.due(limit=10)
    for targets in TARGETS:
        record = (await upload(records, name("people/jane"), tags=("t",))).record
        await records.destroy(name("people/jane"), says=says)
        (about,) = [task for task in await records.notices.due(limit=10) if task.detail == b"people/jane"]
        with pytest.raises(AssetNotFound):  # of the asset itself nothing is left
            await records.erase(CLOUD, targets(record))
        assert records._core.keyring.of(about.aid) is None
        left = [task.id for task in await records.notices.due(limit=10)]
        assert left == ([] if targets(record).everything else [other.id])


async def test_an_erase_of_what_is_kept_takes_the_word_of_its_delete_along(records: Records) -> None:
    await upload(records, name("jane"), backup=True)
    await records.destroy(name("jane"), says=says)
    statement = await records.erase(CLOUD, PurgeTargets(public_ids=("jane",)))
    assert (statement.body["outcome"], await records.notices.due(limit=10)) == ("erased", ())


async def test_what_was_told_is_not_looked_for_any_more(records: Records, tmp_path: Path) -> None:
    await upload(records, name("jane"), tags=("t",))
    await records.destroy(name("jane"), says=says)
    assert count_rows(tmp_path, "told_of") > 0
    (task,) = await records.notices.due(limit=10)
    await records.notices.done(task.id)
    assert count_rows(tmp_path, "told_of") == 0

"""Makes what uploads with `eager_async` have left to be made: one after the other, at least once, across restarts."""

from __future__ import annotations

import msgspec

from domicile.media.errors import (
    AssetNotFound,
    MediaError,
    OutsideRegion,
    Overloaded,
    ProcessingFailed,
    UpstreamUnavailable,
)
from domicile.service import logging
from domicile.service.rounds import keep_at
from origin.api.eager import ORDERS_MAX, EagerTask, finished, read_orders
from origin.api.notices import Told, audience_of
from origin.api.originals import original_of
from origin.keys import Origin
from origin.records import AssetRecord, Left, Task
from origin.renders import MadeNow, Order, Picture, make

TASKS_AT_ONCE = 10
POLL_SECONDS = 30.0
"""How often it looks by itself; an upload that leaves something wakes it."""
RETRY_SECONDS = 5.0
"""Before the second attempt; twice as long before each further one."""
ATTEMPTS_MAX = 8
"""Then what failed is told as failed."""
_PASSING = (Overloaded, ProcessingFailed, UpstreamUnavailable)
"""What may be over later."""

log = logging.get()


async def run(origin: Origin) -> None:
    """Until it is cancelled."""

    async def do() -> float:
        return 0.0 if await _round(origin) else POLL_SECONDS

    await keep_at(do, of="eager", retry_seconds=POLL_SECONDS, news=origin.eager_left)


async def _round(origin: Origin) -> int:
    """How many tasks it was about."""
    tasks = await origin.records.eager.due(limit=TASKS_AT_ONCE)
    for task in tasks:
        try:
            await make_task(origin, task)
        except _PASSING:
            await _put_off(origin, task)
        except Exception as failed:  # noqa: BLE001 - one that cannot be done must not keep those of others waiting
            log.warning("eager_task_failed", error=type(failed).__name__)
            await _put_off(origin, task)
    return len(tasks)


async def _put_off(origin: Origin, task: Task) -> None:
    await origin.records.eager.later(task.id, due_at=origin.now() + RETRY_SECONDS * 2**task.attempts)


async def make_task(origin: Origin, task: Task) -> None:
    """Make, note and tell; in one transaction, after which the task is no more. Raises what may be over later."""
    record = await origin.records.get_version(task.tenant, task.aid)
    if record is None:
        await origin.records.eager.done(task.id)
        return
    detail = msgspec.msgpack.decode(task.detail, type=EagerTask)
    tenant = origin.records.tenant(task.tenant)
    assert tenant is not None  # its asset is there
    address = origin.address_of(tenant)
    notice = Told(
        url=detail.url,
        batch_id=detail.batch_id,
        request_id=detail.request_id,
        now=origin.now(),
        triggers=(await audience_of(origin.records, task.tenant)).triggers,
    )
    made, failed = await _made(origin, record, detail, is_last=task.attempts + 1 >= ATTEMPTS_MAX)

    def leave(current: AssetRecord) -> Left:
        if current.aid != record.aid:
            return Left()
        left = finished(current, made, failed, notice, address, detail.kind)
        return Left(made=left.made, tasks=left.tasks, over=(task.id,))

    try:
        await origin.records.edit([record.name], lambda record: record, waits=False, leave=leave)
    except AssetNotFound:  # deleted, or renamed just now: the next round finds it under its new name, or not at all
        await _put_off(origin, task)


async def _made(
    origin: Origin, record: AssetRecord, detail: EagerTask, *, is_last: bool
) -> tuple[list[MadeNow], list[tuple[Order, MediaError]]]:
    made, failed = list[MadeNow](), list[tuple[Order, MediaError]]()
    limits = origin.settings.media.limits(origin.settings.upload)
    try:
        orders = read_orders(detail.eager, origin.records.named.all(record.name.cloud), limits, most=ORDERS_MAX)
    except MediaError as refused:  # a named transformation has changed since
        log.info("eager_not_understood", error=type(refused).__name__)
        return made, failed
    try:
        async with original_of(origin, record) as body:
            picture = Picture(
                name=record.name,
                body=body,
                facts=record.facts,
                coordinates=record.coordinates,
                tags=record.tags,
                context=record.context,
            )
            for order in orders:
                try:
                    made.append(await make(origin, picture, order))
                except MediaError as refused:
                    if isinstance(refused, _PASSING) and not is_last:
                        raise
                    failed.append((order, refused))
    except (AssetNotFound, OutsideRegion) as gone:
        failed += [(order, gone) for order in orders]
    return made, failed

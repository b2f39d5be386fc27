"""Tells of changes (webhooks): what calls with a `notification_url` have left to be told, at least once, across restarts.

    POST, Content-Type: application/json
    X-Cld-Timestamp, X-Cld-Signature   of this attempt (media/signature.py)
    Idempotency-Key                    of the notice, the same in every attempt

A status of 2xx ends it. After anything else it is sent again, ever more rarely, until it is TASK_KEPT_SECONDS old. What a
policy does not let be sent is treated alike: a list may have lost a line by mistake. Notices come in no certain order.
"""

from __future__ import annotations

import asyncio
import random as system_random
from collections import Counter
from collections.abc import Callable

import msgspec

from domicile.media.errors import BadRequest, OutsideRegion, Overloaded, RemoteFailed
from domicile.media.policy import Activity
from domicile.media.remote import is_listed, read_address
from domicile.media.signature import Digest, sign_webhook
from domicile.service import logging
from domicile.service.gate.remote import Unlisted
from domicile.service.rounds import keep_at
from origin.api.notices import Notice
from origin.keys import Origin
from origin.records import RecipientKind, Task
from origin.records.tasks import TASK_KEPT_SECONDS

POLL_SECONDS = 1.0
"""How often it looks for what is due."""
RETRY_SECONDS = 5.0
"""Before the second attempt, about; twice as long before each further one, up to:"""
RETRY_SECONDS_MAX = 3600.0
DOUBLINGS_MAX = 20
NOTE_ATTEMPTS_MAX = 5
"""How often a database that is busy is told how it went; then the notice is sent again."""
DELIVERED, GONE, GIVEN_UP = "delivered", "gone", "given_up"

log = logging.get()


async def run(origin: Origin, random: Callable[[], float] = system_random.random) -> None:
    """Until it is cancelled. `random`: from 0 to 1."""
    limits = origin.settings.notices
    under_way = dict[str, str]()
    ended = asyncio.Event()

    async def tell(task: Task) -> None:
        try:
            await _attempt(origin, task, random)
        except Exception as failed:  # noqa: BLE001 - one that goes wrong stops no other; it stays due
            log.warning("notice_not_noted", error=type(failed).__name__)
            await asyncio.sleep(POLL_SECONDS)
        finally:
            del under_way[task.id]
            ended.set()

    async with asyncio.TaskGroup() as group:

        async def do() -> float:
            started = await _due(origin, under_way)
            for task in started:
                under_way[task.id] = task.tenant
                group.create_task(tell(task))
            return 0.0 if started and len(under_way) < limits.sends_max else POLL_SECONDS

        await keep_at(do, of="notices", retry_seconds=POLL_SECONDS, news=ended)


async def _due(origin: Origin, under_way: dict[str, str]) -> tuple[Task, ...]:
    """What may begin now. A cloud with many notices, or slow receivers, keeps no other waiting."""
    limits = origin.settings.notices
    if len(under_way) >= limits.sends_max:
        return ()
    running = Counter(under_way.values())
    full = [cloud for cloud, sends in running.items() if sends >= limits.sends_per_cloud_max]
    due = await origin.records.notices.due(limit=limits.sends_max - len(under_way), but=under_way, but_of=full)
    begun = list[Task]()
    for task in due:
        running[task.tenant] += 1
        if running[task.tenant] <= limits.sends_per_cloud_max:
            begun.append(task)
    return tuple(begun)


async def _attempt(origin: Origin, task: Task, random: Callable[[], float]) -> None:
    """Send, and note how it went."""
    try:
        outcome = await send(origin, task)
    except Exception as failed:  # noqa: BLE001 - whatever it is, it is tried again later, and not at once
        log.warning("notice_failed", error=type(failed).__name__)
        outcome = "failed"
    origin.metrics.notices.add(outcome=outcome)
    now = origin.now()
    due_at = None if outcome in {DELIVERED, GONE} else next_attempt(task, now, random())
    if outcome not in {DELIVERED, GONE} and due_at is None:
        origin.metrics.notices.add(outcome=GIVEN_UP)
        log.warning("notice_given_up", attempts=task.attempts + 1)
    for attempt in range(1, NOTE_ATTEMPTS_MAX + 1):
        try:
            if due_at is None:
                await origin.records.notices.done(task.id)
            else:
                await origin.records.notices.later(task.id, due_at=due_at)
            return
        except Exception:
            if attempt == NOTE_ATTEMPTS_MAX:
                raise
            await asyncio.sleep(POLL_SECONDS)


def next_attempt(task: Task, now: float, random: float) -> float | None:
    """When, after one that failed; None: it has been tried for long enough. `random`: from 0 to 1.

    Between half and all of a wait that doubles: receivers that come back are not asked by all at once.
    """
    wait = min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2.0 ** min(task.attempts, DOUBLINGS_MAX))
    due_at = now + wait * (0.5 + random / 2)
    return due_at if due_at < task.created_at + TASK_KEPT_SECONDS else None


async def send(origin: Origin, task: Task) -> str:
    """One attempt; its outcome, of `metrics.NOTICE_OUTCOMES`."""
    tenant, policy = origin.records.tenant(task.tenant), origin.records.policy(task.tenant)
    if tenant is None or not await origin.records.notices.stands(task):
        return GONE
    notice = msgspec.msgpack.decode(task.detail, type=Notice)
    timestamp = int(origin.now())
    if policy is None:
        return "refused"
    rules = policy.notifications
    signature = sign_webhook(notice.body.decode(), timestamp, tenant.api_secret, digest=Digest(rules.digest))
    try:
        permit = origin.records.permit(task.tenant, Activity.EGRESS_WEBHOOK)
        address = read_address(notice.url)
        if is_listed(address, rules.hosts):  # noted first: who was told, and is not in the register, could not be found
            await origin.records.recipients.note(task.tenant, [task.aid], RecipientKind.WEBHOOK, address.host)
        status = await origin.webhooks.post(
            permit,
            address,
            hosts=rules.hosts,
            body=notice.body,
            headers={
                "Content-Type": "application/json",
                "X-Cld-Timestamp": str(timestamp),
                "X-Cld-Signature": signature,
                "Idempotency-Key": f'"{task.id}"',
            },
        )
    except (BadRequest, OutsideRegion, Unlisted):
        return "refused"
    except (RemoteFailed, Overloaded):
        return "unreachable"
    return DELIVERED if 200 <= status < 300 else "answered"

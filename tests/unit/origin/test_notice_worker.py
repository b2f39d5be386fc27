"""Webhooks: sent as the SDK verifies them, to hosts that are listed, at least once, and never of what is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudinary
import msgspec
import pytest
from cloudinary.utils import verify_notification_signature

from domicile.service.gate.remote import RemoteClient
from origin import notice_worker
from origin.api.notices import Notice
from origin.keys import Origin
from origin.notice_worker import RETRY_SECONDS, RETRY_SECONDS_MAX, next_attempt, send
from origin.records import NOTICE, AssetRecord, Left, NewTask, Records, Task
from origin.records.tasks import TASK_KEPT_SECONDS
from tests.infra.origin import origin_over
from tests.infra.receiver import WAIT_SECONDS_MAX, Received, running_receiver
from tests.infra.records import CLOUD, name, opened, upload

BODY = '{"notification_type":"upload","public_id":"jané"}'.encode()


async def allow(records: Records, tmp_path: Path, hosts: str, *, cloud: str = CLOUD, more: str = "") -> None:
    text = f'tenant = "{cloud}"\n[zones]\negress_webhook = ["eu-de"]\n[notifications]\nhosts = {hosts}\n{more}\n'
    (tmp_path / "data" / "policies" / f"{cloud}.toml").write_text(text)
    await records.reload_policies()


async def left(records: Records, url: str, public_id: str = "jane", *, cloud: str = CLOUD) -> AssetRecord:
    """An asset with a notice of it."""
    detail = msgspec.msgpack.encode(Notice(url=url, body=BODY))

    def leave(_record: AssetRecord) -> Left:
        return Left(tasks=(NewTask(kind=NOTICE, detail=detail),))

    target = name(public_id, cloud=cloud)
    record = (await upload(records, target)).record
    await records.edit([target], lambda one: one, leave=leave)
    return record


def sending(records: Records, **settings: Any) -> Origin:
    origin = origin_over(records)
    origin.now = records._core.now
    origin.settings = replace(origin.settings, notices=replace(origin.settings.notices, **settings))
    origin.webhooks = RemoteClient(origin.settings.notices.limits(), private_hosts=["127.0.0.1"])
    return origin


@asynccontextmanager
async def at_work(origin: Origin) -> AsyncIterator[None]:
    """What ends it is a cancellation wherever it stands: nothing is noted after that, as with kill -9."""
    work = asyncio.ensure_future(notice_worker.run(origin, random=lambda: 1.0))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.wait([work])


def pass_time(records: Records, seconds: float) -> None:
    now = records._core.now() + seconds
    object.__setattr__(records._core, "now", lambda: now)


async def until_none_is_left(records: Records) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while await records.notices.due(limit=1):
            await asyncio.sleep(0.005)


def is_accepted_by_the_sdk(got: Received, secret: str, digest: str = "sha1") -> bool:
    cloudinary.config(api_secret=secret)
    try:
        stamp, signature = int(got.headers["X-Cld-Timestamp"]), got.headers["X-Cld-Signature"]
        return verify_notification_signature(got.body.decode(), stamp, signature, algorithm=digest)
    finally:
        cloudinary.reset_config()


def outcomes(origin: Origin) -> dict[str, float]:
    samples = [one for family in origin.metrics.registry.collect() for one in family.samples]
    return {
        one.labels["outcome"]: one.value for one in samples if one.name == "domicile_origin_notices_total" and one.value
    }


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
async def test_the_sdk_accepts_what_is_sent(records: Records, tmp_path: Path, digest: str) -> None:
    async with running_receiver() as there:
        await allow(records, tmp_path, f'["127.0.0.1:{there.port}"]', more=f'digest = "{digest}"')
        record = await left(records, there.address("/hook?a=1"))
        (task,) = await records.notices.due(limit=9)
        origin, tenant = sending(records), records.tenant(CLOUD)
        assert tenant is not None
        assert await send(origin, task) == "delivered"
        (got,) = there.got
        assert (got.body, got.headers["Content-Type"], got.headers["Idempotency-Key"]) == (
            BODY,
            "application/json",
            f'"{task.id}"',
        )
        assert is_accepted_by_the_sdk(got, tenant.api_secret, digest)
        assert not is_accepted_by_the_sdk(got, "another", digest)
        (known,) = await records.recipients.of(CLOUD, record.aid)
        assert (known.kind, known.who) == ("webhook", "127.0.0.1"), "who was told stands in the register"


async def test_it_is_sent_until_it_is_taken_and_then_no_more(records: Records, tmp_path: Path) -> None:
    async with running_receiver() as there:
        await allow(records, tmp_path, f'["127.0.0.1:{there.port}"]')
        await left(records, there.address())
        origin = sending(records)
        there.status = 503
        async with at_work(origin):
            await there.wait_for(1)
            await until_none_is_left(records)
        pass_time(records, RETRY_SECONDS)
        there.status = 204
        (task,) = await records.notices.due(limit=9)
        assert task.attempts == 1
        async with at_work(origin):
            await there.wait_for(2)
            await until_none_is_left(records)
        pass_time(records, TASK_KEPT_SECONDS)
        assert await records.notices.due(limit=9) == ()
        assert there.got[0].headers["Idempotency-Key"] == there.got[1].headers["Idempotency-Key"]
        assert outcomes(origin) == {"answered": 1, "delivered": 1}


async def test_one_that_was_taken_when_the_process_died_comes_again_with_the_same_id(tmp_path: Path) -> None:
    async with running_receiver() as there:
        async with opened(tmp_path) as records:
            await allow(records, tmp_path, f'["127.0.0.1:{there.port}"]')
            await left(records, there.address())
            there.may_answer.clear()
            async with at_work(sending(records)):
                await there.wait_for(1)
        there.may_answer.set()
        async with opened(tmp_path) as records:
            assert len(await records.notices.due(limit=9)) == 1
            async with at_work(sending(records)):
                await there.wait_for(2)
                await until_none_is_left(records)
        first, second = there.got
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
        assert json.loads(first.body) == json.loads(second.body)


@pytest.mark.parametrize("ends", ["destroyed", "overwritten"])
async def test_what_is_gone_before_it_is_sent_is_never_told(records: Records, tmp_path: Path, ends: str) -> None:
    async with running_receiver() as there:
        await allow(records, tmp_path, f'["127.0.0.1:{there.port}"]')
        await left(records, there.address())
        (task,) = await records.notices.due(limit=9)
        await (records.destroy(name("jane")) if ends == "destroyed" else upload(records, name("jane"), b"another"))
        assert await send(sending(records), task) == "gone"
        assert there.got == []


async def test_only_listed_hosts_and_public_addresses_are_told(records: Records, tmp_path: Path) -> None:
    async with running_receiver() as there:
        await allow(records, tmp_path, f'["127.0.0.1:{there.port}"]')
        await left(records, there.address())
        (task,) = await records.notices.due(limit=9)
        origin = sending(records)
        origin.webhooks = RemoteClient(origin.settings.notices.limits())
        assert await send(origin, task) == "unreachable"  # loopback is not public
        await allow(records, tmp_path, '["app.example"]')  # it has left the list since the call
        assert await send(sending(records), task) == "refused"
        (tmp_path / "data" / "policies" / f"{CLOUD}.toml").write_text(
            f'tenant = "{CLOUD}"\n[notifications]\nhosts = ["127.0.0.1:{there.port}"]\n'
        )
        await records.reload_policies()  # nothing is sent from where the origin is
        assert await send(sending(records), task) == "refused"
        assert there.got == []
        assert len(await records.notices.due(limit=9)) == 1


async def test_a_redirect_is_an_answer_like_any_other(records: Records, tmp_path: Path) -> None:
    async with running_receiver() as there, running_receiver() as other:
        await allow(records, tmp_path, f'["127.0.0.1:{there.port}", "127.0.0.1:{other.port}"]')
        await left(records, there.address())
        (task,) = await records.notices.due(limit=9)
        there.status, there.location = 307, other.address()
        assert await send(sending(records), task) == "answered"
        assert (len(there.got), other.got) == (1, [])


async def test_a_cloud_whose_receiver_is_slow_keeps_no_other_waiting(records: Records, tmp_path: Path) -> None:
    await records.create_tenant("other")
    async with running_receiver() as slow, running_receiver() as quick:
        await allow(records, tmp_path, f'["127.0.0.1:{slow.port}"]')
        await allow(records, tmp_path, f'["127.0.0.1:{quick.port}"]', cloud="other")
        slow.may_answer.clear()
        for number in range(5):
            await left(records, slow.address(), f"jane{number}")
        await left(records, quick.address(), cloud="other")
        origin = sending(records, sends_max=3, sends_per_cloud_max=2)
        async with at_work(origin):
            await quick.wait_for(1)
            await slow.wait_for(2)
            assert len(slow.got) == 2
            slow.may_answer.set()
            await slow.wait_for(5)
            await until_none_is_left(records)
        assert outcomes(origin) == {"delivered": 6}


async def test_one_that_cannot_be_read_is_put_off_like_the_others(records: Records, tmp_path: Path) -> None:
    def leave(_record: AssetRecord) -> Left:
        return Left(tasks=(NewTask(kind=NOTICE, detail=b"torn"),))

    await upload(records, name("jane"))
    await records.edit([name("jane")], lambda one: one, leave=leave)
    origin = sending(records)
    async with at_work(origin):
        await until_none_is_left(records)
    assert outcomes(origin) == {"failed": 1}


def test_it_is_tried_ever_more_rarely_and_for_a_week() -> None:
    def task(attempts: int) -> Task:
        return Task(id="t", tenant=CLOUD, aid="a" * 32, attempts=attempts, created_at=0.0, detail=b"")  # type: ignore[arg-type]

    assert [next_attempt(task(tries), 0.0, 1.0) for tries in (0, 1, 2)] == [
        RETRY_SECONDS,
        2 * RETRY_SECONDS,
        4 * RETRY_SECONDS,
    ]
    assert next_attempt(task(0), 0.0, 0.0) == RETRY_SECONDS / 2
    assert next_attempt(task(5000), 10.0, 1.0) == 10.0 + RETRY_SECONDS_MAX
    assert next_attempt(task(9), TASK_KEPT_SECONDS - RETRY_SECONDS, 1.0) is None


async def test_one_that_has_been_tried_for_long_enough_is_given_up(records: Records, tmp_path: Path) -> None:
    await left(records, "http://127.0.0.1:9/")
    origin = sending(records)
    pass_time(records, TASK_KEPT_SECONDS)
    origin.now = records._core.now
    async with at_work(origin):
        await until_none_is_left(records)
    assert outcomes(origin) == {"refused": 1, "given_up": 1}

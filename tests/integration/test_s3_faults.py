"""A store in a bucket behind a network and a service that misbehave: whole or not at all, and never cut short.

The seam's own words for it: UpstreamUnavailable, which callers see as "try again later".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from domicile.media.asset import Aid
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from origin.store import s3
from origin.store.port import BlobStore
from tests.infra import buckets, ceph
from tests.infra.s3_proxy import (
    CutsAnswer,
    CutsRequest,
    Damages,
    Fault,
    LiesOfLength,
    LosesAnswer,
    Request,
    S3Proxy,
    Says,
    Waits,
    first,
)
from tests.infra.stores import HOME, REGION, opened_s3

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CLOUD, NOW, AID = "acme", 1_700_000_000.0, Aid("a" * 32)
PART_BYTES = 5 * 1024 * 1024
READ_SECONDS = 0.5
PATIENT_SECONDS, HASTY_SECONDS = 20.0, 1.0
WHOLE, PARTS = 100_000, PART_BYTES + 100_000
FAULTS: dict[str, Fault] = {
    "an error": Says(500, "InternalError"),
    "slow down": Says(503, "SlowDown"),
    "an error without words": Says(502, "", body=b"<html>bad gateway</html>"),
    "too slow": Waits(3 * READ_SECONDS),
    "reset in the request": CutsRequest(50_000),
    "answer lost": LosesAnswer(),
}
WITH_BODY = FAULTS | {"damaged on the way": Damages()}
WITH_ANSWER = FAULTS | {
    "answer cut": CutsAnswer(10),
    "an error in a success": Says(200, "", body=b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>"),
}
STEPS = {"POST uploads": FAULTS, "PUT uploadId": WITH_BODY, "POST uploadId": WITH_ANSWER}


@pytest.fixture(scope="module")
def gateway() -> ceph.Gateway:
    return ceph.cluster().region(REGION)


@pytest.fixture(scope="module")
def bucket(gateway: ceph.Gateway) -> Iterator[buckets.Bucket]:
    with buckets.made(gateway) as made:
        yield made


@pytest.fixture(scope="module")
def running(gateway: ceph.Gateway) -> Iterator[S3Proxy]:
    with S3Proxy.running(gateway.port) as proxy:
        yield proxy


@dataclass(frozen=True)
class Stores:
    """The same one, by a client that waits for a better moment, and by one that soon gives up."""

    patient: BlobStore
    hasty: BlobStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(
    bucket: buckets.Bucket, running: S3Proxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stores]:
    directory, through = tmp_path_factory.mktemp("x"), {"endpoint": running.endpoint, "read_seconds_max": READ_SECONDS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "PART_BYTES", PART_BYTES)
        async with (
            opened_s3(bucket, directory, **through, seconds_max=PATIENT_SECONDS) as patient,
            opened_s3(bucket, directory, **through, seconds_max=HASTY_SECONDS) as hasty,
        ):
            yield Stores(patient, hasty)


@pytest_asyncio.fixture(loop_scope="module")
async def stores(opened: Stores, running: S3Proxy) -> AsyncIterator[Stores]:
    """Empty."""
    running.requests.clear()
    yield opened
    running.plan = lambda request: None
    await opened.patient.delete(CLOUD, AID)


@pytest.fixture
def store(stores: Stores) -> BlobStore:
    return stores.patient


@pytest.fixture
def proxy(running: S3Proxy) -> S3Proxy:
    return running


def permit() -> Permit:
    policy = from_mapping({"tenant": CLOUD, "interpretation": "global"}, home=HOME)
    decided = decide(policy, Activity.STORE, Place(name="origin", region=HOME), at=NOW)
    assert isinstance(decided, Permit)
    return decided


async def put(store: BlobStore, body: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1_000_000):
            yield body[at : at + 1_000_000]

    await store.put(CLOUD, AID, pieces(), permit())


async def read(store: BlobStore) -> bytes:
    return b"".join([piece async for piece in store.read(CLOUD, AID, 0, 1 << 40, permit())])


@pytest.mark.parametrize("fault", WITH_BODY)
async def test_a_bad_moment_costs_a_whole_original_nothing(store: BlobStore, proxy: S3Proxy, fault: str) -> None:
    body = os.urandom(WHOLE)
    proxy.plan = first(2, WITH_BODY[fault], method="PUT")
    await put(store, body)
    assert proxy.asked("PUT") >= 3
    assert await read(store) == body


@pytest.mark.parametrize("step, fault", [(step, fault) for step, faults in STEPS.items() for fault in faults])
async def test_a_bad_moment_costs_an_original_in_parts_nothing(
    store: BlobStore, proxy: S3Proxy, step: str, fault: str
) -> None:
    method, query = step.split()
    body = os.urandom(PARTS)
    proxy.plan = first(1, STEPS[step][fault], method=method, query=query)
    await put(store, body)
    assert await read(store) == body


@pytest.mark.parametrize(
    "fault, step",
    [
        ("slow down", "PUT uploadId"),
        ("reset in the request", "PUT uploadId"),
        ("answer lost", "PUT uploadId"),
        ("slow down", "POST uploadId"),
    ],
)
async def test_an_upload_that_never_gets_through_fails_in_time_and_leaves_nothing_in_sight(
    stores: Stores, proxy: S3Proxy, bucket: buckets.Bucket, fault: str, step: str
) -> None:
    method, query = step.split()
    proxy.plan = first(1_000_000, FAULTS[fault], method=method, query=query)
    async with asyncio.timeout(10 * HASTY_SECONDS):
        with pytest.raises(UpstreamUnavailable, match="try again later"):
            await put(stores.hasty, bytes(PARTS))
    assert bucket.versions() == []
    assert bucket.uploads() == []


async def test_an_upload_whose_end_nobody_confirms_is_looked_for_and_found(stores: Stores, proxy: S3Proxy) -> None:
    proxy.plan = first(1_000_000, LosesAnswer(), method="POST", query="uploadId")
    await put(stores.hasty, bytes(PARTS))
    assert await stores.hasty.size(CLOUD, AID) == PARTS


READ_FAULTS: dict[str, Fault] = {
    "cut short": CutsAnswer(40_000),
    "reset": CutsAnswer(40_000, is_reset=True),
    "a length that lies": LiesOfLength(1000),
    "an error": Says(500, "InternalError"),
    "another part": Says(206, "", (("Content-Range", "bytes 5-100004/200000"),), bytes(100_000)),
    "no part": Says(200, "", body=bytes(WHOLE)),
    "too slow": Waits(3 * READ_SECONDS),
}


@pytest.mark.parametrize("fault", READ_FAULTS)
async def test_a_read_that_is_cut_short_is_read_again_or_raises_and_never_ends_cleanly(
    stores: Stores, proxy: S3Proxy, fault: str
) -> None:
    body = os.urandom(WHOLE)
    await put(stores.patient, body)
    proxy.plan = first(2, READ_FAULTS[fault], method="GET")
    assert await read(stores.patient) == body
    proxy.plan = first(1_000_000, READ_FAULTS[fault], method="GET")
    with pytest.raises(UpstreamUnavailable):
        await read(stores.hasty)


async def test_a_window_that_fails_late_raises_after_what_was_good(stores: Stores, proxy: S3Proxy) -> None:
    body = os.urandom(s3.WINDOW_BYTES + 1000)
    await put(stores.patient, body)

    def plan(request: Request) -> Fault | None:
        return CutsAnswer(10) if request.headers.get("range", "").startswith(f"bytes={s3.WINDOW_BYTES}-") else None

    proxy.plan = plan
    got = bytearray()
    with pytest.raises(UpstreamUnavailable):
        async for piece in stores.hasty.read(CLOUD, AID, 0, len(body), permit()):
            got += piece
    assert bytes(got) == body[: s3.WINDOW_BYTES]


async def test_what_is_replaced_while_it_is_read_is_not_mixed(store: BlobStore, proxy: S3Proxy) -> None:
    first_body, second_body = bytes(s3.WINDOW_BYTES + 10), os.urandom(s3.WINDOW_BYTES + 10)
    await put(store, first_body)
    pieces = store.read(CLOUD, AID, 0, len(first_body), permit())
    got = bytearray(await anext(pieces))
    await put(store, second_body)
    with pytest.raises(UpstreamUnavailable):
        async for piece in pieces:
            got += piece
    assert bytes(got) == first_body[: len(got)]


async def test_deleting_that_fails_is_said_and_works_when_it_is_tried_again(
    stores: Stores, proxy: S3Proxy, bucket: buckets.Bucket
) -> None:
    await put(stores.patient, b"x")
    proxy.plan = first(1_000_000, Says(503, "SlowDown"), method="DELETE")
    with pytest.raises(UpstreamUnavailable):
        await stores.hasty.delete(CLOUD, AID)
    proxy.plan = first(1, LosesAnswer(), method="DELETE")
    assert await stores.patient.delete(CLOUD, AID) is True
    assert bucket.versions() == []

"""The bytes of an original leave for a place that may transform it, and for no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.asset import Aid
from domicile.media.errors import UpstreamUnavailable
from domicile.media.wire import (
    PREFIX,
    REGION_HEADER,
    WIRE_HEADER,
    WIRE_VERSION,
    EdgeSeen,
    ProbesAnswer,
    ProbesRequest,
)
from origin.records import Records
from origin.store.port import BlobMissing, BlobStore
from origin.wire_app import SEEN_MAX, wire_app
from tests.infra.origin import origin_over
from tests.infra.records import name, upload

Client = TestClient[Any, Any]
SEEN = EdgeSeen(id="e" * 32, tenant="acme", looked=1, kept=0, asked=0, given=0, unjudged=0, unsure=0)


@pytest_asyncio.fixture
async def edge(records: Records) -> AsyncIterator[Client]:
    async with TestClient(TestServer(wire_app(origin_over(records)))) as client:
        yield client


def calling_from(region: str) -> dict[str, str]:
    return {WIRE_HEADER: WIRE_VERSION, REGION_HEADER: region}


async def test_an_edge_at_home_gets_the_sealed_bytes(edge: Client, records: Records) -> None:
    aid = (await upload(records, name("jane"), b"picture" * 100)).record.aid
    answer = await edge.get(f"{PREFIX}/blobs/{aid}", headers=calling_from("eu-de"))
    assert answer.status == 200
    body = await answer.read()
    assert len(body) > 700
    assert b"picture" not in body


@pytest.mark.parametrize("region", ["us-east", "eu-fr", "moon-base"])
async def test_an_edge_where_the_policy_lets_nothing_be_transformed_gets_no_bytes(
    edge: Client, records: Records, region: str
) -> None:
    aid = (await upload(records, name("jane"), b"picture" * 100)).record.aid
    answer = await edge.get(f"{PREFIX}/blobs/{aid}", headers=calling_from(region))
    assert answer.status == 451
    assert len(await answer.read()) < 300


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"node": "x"}, 400),
        ({"boot": "../../etc"}, 400),
        ({"wait_seconds": float("nan")}, 400),
        ({"wait_seconds": -1.0}, 400),
        ({"region": "eu-fr"}, 451),
        ({"seen": (SEEN,) * (SEEN_MAX + 1)}, 400),
        ({}, 200),
    ],
)
async def test_what_an_edge_says_that_it_has_seen_is_taken_within_bounds(
    edge: Client, wrong: dict[str, Any], status: int
) -> None:
    plain: dict[str, Any] = {
        "node": "1" * 32,
        "boot": "2" * 32,
        "region": "eu-de",
        "wait_seconds": 0.0,
        "seen": (SEEN,),
    }
    body = msgspec.msgpack.encode(ProbesRequest(**{**plain, **wrong}))
    answer = await edge.post(f"{PREFIX}/probes", data=body, headers=calling_from("eu-de"))
    assert answer.status == status
    if status == 200:
        assert msgspec.msgpack.decode(await answer.read(), type=ProbesAnswer).probes == ()


class BrokenStore:
    """A store of which `good` pieces come, of a megabyte each, before it fails, or ends as if that were all."""

    def __init__(self, inner: BlobStore, good: int, failure: Exception | None) -> None:
        self._inner, self._good, self._failure = inner, good, failure

    async def size(self, tenant: str, aid: Aid) -> int:
        return await self._inner.size(tenant, aid)

    async def read(self, *asked: Any) -> AsyncIterator[bytes]:
        for _ in range(self._good):
            yield bytes(1_000_000)
        if self._failure is not None:
            raise self._failure


def broken(records: Records, monkeypatch: pytest.MonkeyPatch, good: int, failure: Exception | None) -> None:
    guarded = records._core.blobs
    monkeypatch.setattr(guarded, "_inner", BrokenStore(guarded._inner, good, failure))  # type: ignore[attr-defined]


async def test_a_store_that_does_not_answer_is_said_before_any_byte(
    edge: Client, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    aid = (await upload(records, name("jane"), bytes(3_000_000))).record.aid
    for failure, status in ((UpstreamUnavailable("later"), 503), (BlobMissing(), 404)):
        broken(records, monkeypatch, 0, failure)
        answer = await edge.get(f"{PREFIX}/blobs/{aid}", headers=calling_from("eu-de"))
        assert answer.status == status
        monkeypatch.undo()


@pytest.mark.parametrize("failure", [UpstreamUnavailable("later"), BlobMissing(), OSError(5, "damaged"), None])
async def test_a_store_that_fails_in_the_middle_never_looks_like_a_whole_answer(
    edge: Client, records: Records, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    aid = (await upload(records, name("jane"), bytes(3_000_000))).record.aid
    broken(records, monkeypatch, 2, failure)
    answer = await edge.get(f"{PREFIX}/blobs/{aid}", headers=calling_from("eu-de"))
    assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        async with asyncio.timeout(5):
            await answer.read()

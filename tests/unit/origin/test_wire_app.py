"""The bytes of an original leave for a place that may transform it, and for no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.wire import PREFIX, REGION_HEADER, WIRE_HEADER, WIRE_VERSION
from origin.records import Records
from origin.wire_app import wire_app
from tests.infra.origin import origin_over
from tests.infra.records import name, upload

Client = TestClient[Any, Any]


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

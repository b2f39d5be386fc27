"""Decoders held the old bytes: every change that ends a version has the cloud's decoders replaced (decisions E.5)."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from domicile.service.pool import DecoderPool
from origin.app import ROUTE_NAMES, api_app
from origin.forms import Budget
from origin.keys import Origin
from origin.metrics import Metrics
from origin.rates import Rates
from origin.records import Records
from origin.settings import OriginSettings
from tests.infra.records import CLOUD, facts, name

Client = TestClient[Any, Any]


class Decoders:
    """Finds everything good, and counts what it is told to replace."""

    def __init__(self) -> None:
        self.retired: list[str | None] = []

    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(source=facts(body)))

    def retire(self, tenant: str | None = None) -> None:
        self.retired.append(tenant)


@pytest.fixture
def decoders() -> Decoders:
    return Decoders()


@pytest_asyncio.fixture
async def client(records: Records, decoders: Decoders) -> AsyncIterator[Client]:
    settings = OriginSettings()
    origin = Origin(
        settings=settings,
        records=records,
        pool=cast("DecoderPool", decoders),
        metrics=Metrics(region="eu-de", routes=ROUTE_NAMES),
        now=lambda: 1_700_000_000.0,
        budget=Budget(settings.upload.in_flight_bytes_max),
        rates=Rates(settings.admin_calls_max),
    )
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    async with TestClient(TestServer(api_app(origin)), headers={"Authorization": f"Basic {basic}"}) as client:
        yield client


async def post_file(client: Client, public_id: str, body: bytes) -> None:
    form = FormData()
    form.add_field("public_id", public_id)
    form.add_field("file", io.BytesIO(body), filename="a.jpg")
    answer = await client.post(f"/v1_1/{CLOUD}/image/upload", data=form)
    assert answer.status == 200, await answer.text()


async def test_an_overwrite_has_the_decoders_of_the_old_bytes_replaced(client: Client, decoders: Decoders) -> None:
    await post_file(client, "a", b"one")
    assert decoders.retired == [], "nothing ended yet"
    await post_file(client, "a", b"two")
    assert decoders.retired == [CLOUD]


async def test_a_rename_over_another_asset_has_its_decoders_replaced(
    client: Client, decoders: Decoders, records: Records
) -> None:
    for public_id in ("a", "b"):
        await post_file(client, public_id, public_id.encode())
    asked = {"from_public_id": "a", "to_public_id": "c"}
    assert (await client.post(f"/v1_1/{CLOUD}/image/rename", data=asked)).status == 200
    assert decoders.retired == [], "a name moved, no version ended"
    asked = {"from_public_id": "c", "to_public_id": "b", "overwrite": "true"}
    assert (await client.post(f"/v1_1/{CLOUD}/image/rename", data=asked)).status == 200
    assert await records.get(name("c")) is None
    assert decoders.retired == [CLOUD]

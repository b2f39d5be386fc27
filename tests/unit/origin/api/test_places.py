"""The placement ledger through the API: for the keys of the privacy calls, of one asset, under any name it has."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from origin.app import api_app
from origin.operator_app import operator_app
from origin.records import PurgeTargets, Records
from tests.infra.fetching import Decoders
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, upload

Client = TestClient[Any, Any]


@pytest_asyncio.fixture
async def client(records: Records) -> AsyncIterator[Client]:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    app = api_app(origin_over(records, Decoders()))
    async with TestClient(TestServer(app), headers={"Authorization": f"Basic {basic}"}) as opened:
        yield opened


async def test_the_places_of_an_asset_are_told_by_its_id_and_by_its_name(client: Client, records: Records) -> None:
    record = (await upload(records, name("people/jane"))).record
    answers = []
    for asked in ({"asset_id": record.asset_id}, {"public_id": "people/jane"}):
        answer = await client.get(f"/v1_1/{CLOUD}/places", params=asked)
        assert answer.status == 200, await answer.text()
        answers.append(await answer.json())
    assert answers[0] == answers[1]
    assert answers[0]["asset_id"] == record.asset_id
    assert answers[0]["places"][0] == {
        "place": "origin store",
        "name": "disk",
        "region": "eu-de",
        "what": "original",
        "state": "present",
        "evidence": "catalogue",
        "version_id": record.aid,
        "since": "2023-11-14T22:13:20Z",
        "until": None,
    }
    assert {"place": "browser caches", "seconds_max": 60}.items() <= answers[0]["places"][-1].items()


async def test_what_is_restricted_is_told_of_as_well(client: Client, records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    await records.restrict(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    places = (await (await client.get(f"/v1_1/{CLOUD}/places", params={"public_id": "jane"})).json())["places"]
    assert (places[0]["state"], places[0]["why"]) == ("present", "restricted")
    assert "search index" not in {one["place"] for one in places}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"asset_id": "a" * 32, "public_id": "jane"}, 400),
        ({"public_id": "jane", "tag": "x"}, 400),
        ({"public_id": "jane", "type": "made-up"}, 400),
        ({"asset_id": "a" * 32}, 404),
        ({"public_id": "nobody"}, 404),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_what_is_not_known_is_not_found(
    client: Client, asked: dict[str, str], status: int
) -> None:
    answer = await client.get(f"/v1_1/{CLOUD}/places", params=asked)
    assert answer.status == status
    assert (await answer.json())["error"]["message"]


async def test_the_operator_steps_through_the_store_and_sees_how_it_ended(client: Client, records: Records) -> None:
    await upload(records, name("jane"))
    async with TestClient(TestServer(operator_app(origin_over(records)))) as operator:
        said = await (await operator.post("/_admin/v1/crawl", json={"anew": "true"})).json()
        assert (said["finished"], said["compared"], said["unlisted"], said["phantom"]) == (True, 1, 0, 0)
        assert said["last"]["compared"] == 1
        assert await (await operator.get("/_admin/v1/crawl")).json() == said
    text = await (await client.get("/metrics")).text()
    assert "domicile_origin_crawl_copies" in text
    assert 'domicile_origin_crawl_differences{kind="phantom"' in text.replace(", ", ",")

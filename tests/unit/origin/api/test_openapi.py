"""The description is made of the routes: none is left out, and none is said to take what its handler does not know."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from origin.api.described import DESCRIBED, IGNORED, KINDS
from origin.api.openapi import UNDESCRIBED, describe
from origin.api.params import USED
from origin.api.routes import Route
from origin.app import ROUTES, UPLOAD_ROUTES

DOCUMENT = describe(ROUTES, uploads=UPLOAD_ROUTES)


def test_every_route_is_described_once_and_by_a_name_of_its_own() -> None:
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    described = [route for route in ROUTES if route.name not in UNDESCRIBED]
    assert len(operations) == len(described) > 50
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert {route.handler for route in described} == DESCRIBED.keys()


async def unknown(_request: web.Request, _path: Mapping[str, str]) -> web.Response:
    return web.Response()


def test_a_route_that_nobody_has_described_is_noticed() -> None:
    with pytest.raises(LookupError, match=r"GET /v1_1/\{cloud\}/new is not in"):
        describe((*ROUTES, Route("new", "GET", "/v1_1/{cloud}/new", unknown)), uploads=UPLOAD_ROUTES)


def test_what_a_call_takes_stands_where_it_is_sent() -> None:
    upload = DOCUMENT["paths"]["/v1_1/{cloud}/{resource_type}/upload"]["post"]["requestBody"]["content"]
    assert upload["multipart/form-data"]["schema"]["properties"].keys() == USED
    assert "application/json" not in upload
    listing = DOCUMENT["paths"]["/v1_1/{cloud}/resources/{resource_type}"]["get"]["parameters"]
    sent = {parameter["name"]: parameter for parameter in listing}
    assert sent["resource_type"]["schema"] == {"enum": ["auto", "image", "raw", "video"]}
    assert sent["public_ids[]"]["schema"]["type"] == "array"
    assert sent["tags"]["schema"]["type"] == "boolean"
    destroy = DOCUMENT["paths"]["/v1_1/{cloud}/{resource_type}/destroy"]["post"]
    assert destroy["requestBody"]["content"]["application/json"]["schema"]["required"] == ["public_id"]
    assert set(destroy["responses"]) == {"200", "400", "401", "404", "420", "429", "500"}
    field = DOCUMENT["paths"]["/v1_1/{cloud}/metadata_fields"]["post"]["requestBody"]["content"]
    assert (
        field["application/json"]["schema"]["$ref"].removeprefix("#/components/schemas/")
        in (DOCUMENT["components"]["schemas"])
    )


def test_kinds_are_said_of_parameters_that_somebody_takes() -> None:
    taken = {name for of in DESCRIBED.values() for name in of.takes}
    assert KINDS.keys() - taken - IGNORED == set()

"""An archive that is kept: it goes with everything whose bytes are in it, and nobody sees it who may not see all of that."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientError
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.access import AccessRule
from domicile.media.errors import BadRequest
from domicile.media.policy import ResidencyPolicy
from domicile.media.policy_file import from_toml
from origin.api import archive_plan as plan
from origin.api import archives, handing_out
from origin.app import api_app
from origin.keys import ORIGIN
from origin.records import AssetRecord, Body, Records
from origin.renders import read_order
from origin.scope import Operation, Scope
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, upload
from tests.unit.origin.api.test_explicit import JANE
from tests.unit.origin.test_renders import LIMITS

Client = TestClient[Any, Any]
TOKEN = (AccessRule(access_type="token"),)


class Decoders:
    """Renders anything."""

    async def render(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(format="jpg", width=5, height=4), body=b"rendition")


@pytest_asyncio.fixture
async def client(records: Records) -> AsyncIterator[Client]:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    app = api_app(origin_over(records, Decoders()))
    async with TestClient(TestServer(app), headers={"Authorization": f"Basic {basic}"}) as client:
        yield client


async def kept(client: Client, **asked: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1_1/{CLOUD}/all/generate_archive", json={"mode": "create", **asked})
    assert answer.status == 200, await answer.text()
    return await answer.json()


def pack(kind: str = "upload", public_id: str = "pack.zip") -> Any:
    return replace(name(public_id, delivery_type=kind), resource_type="raw")


async def test_it_goes_with_a_picture_that_lies_over_another_in_it(client: Client, records: Records) -> None:
    await upload(records, name("a"))
    await upload(records, name("over"))
    await kept(client, public_ids=["a"], transformations="l_over/w_5", target_public_id="pack.zip")
    assert await records.get(pack()) is not None
    await records.destroy(name("over"))
    assert await records.get(pack()) is None


async def test_it_goes_at_once_with_what_was_in_an_archive_that_is_in_it(client: Client, records: Records) -> None:
    await upload(records, name("a"))
    await kept(client, public_ids=["a"], target_public_id="inner.zip")
    await kept(client, public_ids=["inner.zip"], target_public_id="pack.zip")
    assert await records.get(pack()) is not None
    await records.destroy(name("a"))
    assert await records.get(pack()) is None


async def test_what_goes_while_it_is_made_is_left_out_where_that_is_allowed(
    client: Client, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    for public_id in "ab":
        await upload(records, name(public_id))
    real = archives._gathered

    async def gathered(*args: Any) -> Body:
        await records.destroy(name("a"))
        return await real(*args)

    monkeypatch.setattr(archives, "_gathered", gathered)
    made = await kept(client, public_ids=["a", "b"], allow_missing=True, target_public_id="pack.zip")
    assert (made["resource_count"], made["file_count"]) == (1, 1)


@pytest.mark.parametrize("kind", ["private", "authenticated"])
async def test_it_is_of_the_type_of_what_is_in_it(client: Client, records: Records, kind: str) -> None:
    await upload(records, name("a"))
    await upload(records, name("b", delivery_type=kind))
    full = ["image/upload/a", f"image/{kind}/b"]
    made = await kept(client, fully_qualified_public_ids=full, target_public_id="pack.zip")
    assert (made["type"], await records.get(pack())) == (kind, None)


async def test_what_needs_a_token_is_in_no_archive_for_everybody(client: Client, records: Records) -> None:
    await upload(records, name("a"), access_control=TOKEN)
    assert (await kept(client, public_ids=["a"]))["type"] == "authenticated"


async def test_what_lies_over_a_picture_says_who_may_see_it_too(client: Client, records: Records) -> None:
    await upload(records, name("a"))
    await upload(records, name("over", delivery_type="authenticated"))
    asked = {"public_ids": ["a"], "transformations": "l_authenticated:over/w_5"}
    assert (await kept(client, **asked))["type"] == "authenticated"


async def by_key(records: Records, client: Client, *operations: Operation, path: str, asked: dict[str, Any]) -> Any:
    key, _ = await records.api_keys.create(CLOUD, Scope(operations=frozenset(operations)))
    basic = base64.b64encode(f"{key.api_key}:{key.secret}".encode()).decode()
    return await client.post(f"/v1_1/{CLOUD}/{path}", json=asked, headers={"Authorization": f"Basic {basic}"})


async def test_a_key_that_may_not_edit_replaces_no_archive(client: Client, records: Records) -> None:
    await upload(records, name("a"))
    asked = {"mode": "create", "public_ids": ["a"], "target_public_id": "pack.zip", "type": "upload"}
    path, may = "image/generate_archive", (Operation.READ, Operation.UPLOAD)
    assert (await by_key(records, client, *may, path=path, asked=asked)).status == 200
    first = await records.get(pack())
    refused = await by_key(records, client, *may, path=path, asked=asked)
    assert (refused.status, "may not edit" in await refused.text()) == (401, True)
    assert await records.get(pack()) == first
    assert records._uploads._drafts == {}
    assert (await by_key(records, client, *may, Operation.EDIT, path=path, asked=asked)).status == 200
    assert await records.get(pack()) != first


def policy_of(text: str) -> ResidencyPolicy:
    return from_toml(f'tenant = "{CLOUD}"\n{text}', cloud=CLOUD, home="eu-de")


def in_folder(folder: str, kind: str = "jpg", resource_type: str = "image") -> AssetRecord:
    named = replace(name(f"{folder}/a"), resource_type=resource_type)
    return replace(JANE, name=named, facts=msgspec.structs.replace(JANE.facts, format=kind))


REDACTED = '[redaction]\nfaces = "blur"\nfolders = ["people"]\nexcept_signed = '


@pytest.mark.parametrize(
    ("record", "text", "is_changed"),
    [
        (in_folder("things"), "", True),
        (in_folder("things"), 'originals = "as-is"', False),
        (in_folder("people"), f'originals = "as-is"\n{REDACTED}true', True),
        (in_folder("things"), f'originals = "as-is"\n{REDACTED}true', False),
        (in_folder("things", "svg"), "", False),
        (in_folder("things", "raw", "raw"), "", False),
    ],
)
def test_a_picture_lies_in_it_as_its_url_shows_it(record: AssetRecord, text: str, is_changed: bool) -> None:
    untouched = read_order("", {}, LIMITS)
    (entry,) = plan.as_shown([plan.Entry(path="a", record=record)], untouched, policy_of(text))
    assert (entry.order is untouched) is is_changed


@pytest.mark.parametrize(
    ("record", "text", "wanted"),
    [
        (in_folder("things", "svg"), "", "authenticated"),
        (in_folder("things", "svg"), 'originals = "as-is"', "upload"),
        (in_folder("things", "raw", "raw"), f"{REDACTED}false", "upload"),
        (in_folder("people", "raw", "raw"), f"{REDACTED}true", "authenticated"),
        (in_folder("people", "raw", "raw"), f"{REDACTED}false", None),
    ],
)
def test_what_lies_in_it_as_it_is_is_for_those_who_may_see_that(
    record: AssetRecord, text: str, wanted: str | None
) -> None:
    if wanted is None:
        with pytest.raises(BadRequest, match="redacts"):
            plan.type_of([record], [record], policy_of(text))
    else:
        assert plan.type_of([record], [record], policy_of(text)) == wanted
        assert plan.type_of([record], [], policy_of(text)) == "upload"


async def test_a_signature_that_lasts_makes_no_archive_that_is_kept(client: Client, records: Records) -> None:
    await upload(records, name("a"))
    asked = {"mode": "create", "public_ids": ["a"], "expires_at": 9_999_999_999}
    answer = await client.post(f"/v1_1/{CLOUD}/all/generate_archive", json=asked)
    assert answer.status == 400
    assert "expires_at" in (await answer.json())["error"]["message"]


async def test_whoever_does_not_read_keeps_nobody_waiting(
    client: Client, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing_out, "WRITE_SECONDS_MAX", 0.01)
    await upload(records, name("a"), bytes(24_000_000))
    asked = {"mode": "download", "public_ids": ["a"]}
    assert isinstance(client.server, TestServer)
    turns = client.server.app[ORIGIN].archives
    async with client.post(f"/v1_1/{CLOUD}/all/generate_archive", json=asked) as answer:
        assert (answer.status, turns.running) == (200, 1)
        async with asyncio.timeout(10):
            while turns.running:
                await asyncio.sleep(0.01)
        with pytest.raises(ClientError):
            await answer.read()

"""Keys of a scope at the API: what they may do works, all else is refused before anything is looked up."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.analysis import NOTHING
from domicile.media.quotas import NO_QUOTAS
from domicile.media.signature import sign_answer
from origin.api.scopes import IN_FOLDER, OPERATIONS
from origin.app import ROUTES, api_app
from origin.keys import ORIGIN
from origin.records import Preset, Records
from origin.scope import ApiKey, Operation, scope_of
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, facts, name, upload

Client = TestClient[Any, Any]


class Decoders:
    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(source=facts(body), analysis=NOTHING))

    def retire(self, tenant: str | None = None) -> None:
        pass


@pytest_asyncio.fixture
async def client(records: Records) -> AsyncIterator[Client]:
    for public_id in ("team/a", "logo"):
        await upload(records, name(public_id), tags=("red",))
    async with TestClient(TestServer(api_app(origin_over(records, Decoders())))) as client:
        yield client


async def key_of(records: Records, *operations: str, folder: str = "", calls_max: int = 0) -> ApiKey:
    key, _ = await records.api_keys.create(CLOUD, scope_of(operations, folder), calls_max=calls_max)
    return key


def basic(key: ApiKey) -> str:
    return "Basic " + base64.b64encode(f"{key.api_key}:{key.secret}".encode()).decode()


class Caller:
    """One key at the API."""

    def __init__(self, client: Client, key: ApiKey) -> None:
        self.client = client
        self.headers = {"Authorization": basic(key)}

    async def __call__(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.client.request(method, f"/v1_1/{CLOUD}{path}", headers=self.headers, **more)
        return answer.status, await answer.json()

    async def upload(self, **fields: str) -> tuple[int, dict[str, Any]]:
        form = FormData(fields)
        form.add_field("file", io.BytesIO(b"bytes"), filename="a.jpg")
        return await self("POST", "/image/upload", data=form)


CALLS = {
    Operation.READ: ("GET", "/resources/image/upload/logo", {}),
    Operation.EDIT: ("POST", "/image/tags", {"command": "add", "tag": "x", "public_ids[]": "logo"}),
    Operation.DELETE: ("POST", "/image/destroy", {"public_id": "nothing"}),
    Operation.ERASE: ("POST", "/erasures", {"mode": "dry_run", "selector[public_id]": "nothing"}),
    Operation.HOLD: ("GET", "/holds", {}),
    Operation.ADMIN: ("GET", "/upload_presets", {}),
}


@pytest.mark.parametrize("operation", list(Operation))
async def test_a_key_of_one_operation_does_that_and_nothing_else(
    client: Client, records: Records, operation: Operation
) -> None:
    call = Caller(client, await key_of(records, operation))
    assert (await call("GET", "/ping"))[0] == 200
    admin = operation is Operation.ADMIN
    for other, (method, path, body) in CALLS.items():
        status, said = await call(method, path, **({"data": body} if body else {}))
        allowed = admin or other is operation
        assert (status == 200) is allowed, (other, said)
        assert allowed or (status in {401, 403} and said["error"]["message"] == f"This API key may not {other}")
    assert ((await call.upload(public_id="new"))[0] == 200) is (admin or operation is Operation.UPLOAD)


async def test_an_endpoint_that_nobody_has_named_is_for_admins_alone(client: Client, records: Records) -> None:
    named = OPERATIONS.keys() | IN_FOLDER
    assert {route.name for route in ROUTES} - named >= {"upload_mappings", "triggers"}
    call = Caller(client, await key_of(records, *(set(Operation) - {Operation.ADMIN})))
    assert (await call("DELETE", "/upload_presets/x"))[0] == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/metadata_fields"),
        ("DELETE", "/metadata_fields/x"),
        ("POST", "/metadata_rules"),
        ("DELETE", "/metadata_rules/x"),
        ("POST", "/transformations"),
        ("DELETE", "/transformations"),
        ("POST", "/folders/x"),
        ("DELETE", "/folders/x"),
    ],
)
async def test_a_key_that_only_looks_changes_nothing_by_a_route_that_also_looks(
    client: Client, records: Records, method: str, path: str
) -> None:
    call = Caller(client, await key_of(records, "read"))
    assert (await call("GET", path.removesuffix("/x")))[0] == 200
    status, said = await call(method, path)
    assert (status, said["error"]["message"]) == (
        403,
        f"This API key may not {'edit' if 'folders' in path else 'admin'}",
    )


@pytest.mark.parametrize("kind", ["sprite", "multi"])
async def test_who_only_uploads_is_told_and_shown_nothing_of_a_tag(client: Client, records: Records, kind: str) -> None:
    call = Caller(client, await key_of(records, "upload"))
    status, said = await call("POST", f"/image/{kind}", data={"tag": "red", "mode": "download"})
    assert (status, said["error"]["message"]) == (401, "This API key may not read")


async def test_who_only_uploads_replaces_nothing_and_is_told_nothing_of_what_is_there(
    client: Client, records: Records
) -> None:
    before = await records.get(name("logo"))
    call = Caller(client, await key_of(records, "upload"))
    status, said = await call.upload(public_id="logo", overwrite="true")
    assert (status, said["existing"]) == (200, True)
    assert "tags" not in said
    assert await records.get(name("logo")) == before
    status, said = await call.upload(public_id="mine", type="authenticated")
    assert "/s--" not in said["url"], "its signature opens nothing, so there is none"
    both = Caller(client, await key_of(records, "upload", "edit", "read"))
    assert (await both.upload(public_id="logo"))[1]["overwritten"] is True


@pytest.mark.parametrize("parameter", ["transformation", "eager"])
async def test_who_may_not_look_lays_nothing_over_a_picture_of_their_own(
    client: Client, records: Records, parameter: str
) -> None:
    for key in (await key_of(records, "upload"), await key_of(records, "upload", "read", folder="team")):
        status, said = await Caller(client, key).upload(public_id="team/b", **{parameter: "l_logo"})
        assert status == 401
        assert f"may not send {parameter}" in said["error"]["message"]


async def test_a_key_of_a_folder_does_not_leave_it(client: Client, records: Records) -> None:
    call = Caller(client, await key_of(records, "read", "upload", "edit", "delete", folder="team"))
    assert (await call("GET", "/resources/image/upload/team/a"))[0] == 200
    assert (await call("GET", "/resources/image/upload?prefix=team/"))[0] == 200
    assert (await call.upload(public_id="team/b"))[0] == 200
    assert (await call.upload(public_id="b", folder="team"))[0] == 200
    there = await call("GET", "/resources/image/upload/logo")
    assert there == await call("GET", "/resources/image/upload/nothing")
    refused = [
        there,
        await call("GET", "/resources/image/upload"),
        await call("GET", "/resources/image/upload?prefix=team"),
        await call("GET", "/resources/image/upload?public_ids[]=team/a&public_ids[]=logo"),
        await call("GET", "/resources/image/tags/red"),
        await call("DELETE", "/resources/image/upload?prefix=team/"),
        await call("POST", "/image/rename", data={"from_public_id": "team/a", "to_public_id": "a"}),
        await call("POST", "/image/rename", data={"from_public_id": "logo", "to_public_id": "team/logo"}),
        await call("POST", "/image/tags", data={"command": "add", "tag": "x", "public_ids[]": "logo"}),
        await call("POST", "/image/tags", data={"command": "set_exclusive", "tag": "red", "public_ids[]": "team/a"}),
        await call("POST", "/image/explicit", data={"public_id": "logo", "type": "upload"}),
        await call("POST", "/image/destroy", data={"public_id": "logo"}),
        await call("GET", "/image/generate_archive?mode=download&tags=red"),
        await call.upload(public_id="b"),
        await call.upload(public_id="team/../b"),
        await call.upload(),
    ]
    assert {status for status, _ in refused[:-2]} <= {401, 403}
    assert {status for status, _ in refused[-2:]} <= {400, 401}
    found = await records.get(name("logo"))
    assert found is not None
    assert found.tags == ("red",)


async def test_a_preset_does_not_lead_out_of_the_folder(client: Client, records: Records) -> None:
    preset = Preset(name="out", unsigned=False, settings={"folder": "elsewhere"}, created_at=0.0)
    await records.presets.add(CLOUD, "out", preset)
    call = Caller(client, await key_of(records, "upload", folder="team"))
    assert (await call.upload(public_id="team/a2", upload_preset="out"))[0] == 401


async def test_answers_are_signed_by_the_key_that_calls(client: Client, records: Records) -> None:
    key = await key_of(records, "admin")
    _, said = await Caller(client, key).upload(public_id="mine")
    assert said["api_key"] == key.api_key
    assert said["signature"] == sign_answer("mine", said["version"], key.secret)


async def test_a_key_has_its_own_limit_of_calls(client: Client, records: Records) -> None:
    key = await key_of(records, "admin", calls_max=2)
    answers = [await client.get(f"/v1_1/{CLOUD}/ping", headers={"Authorization": basic(key)}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("X-FeatureRateLimit-Remaining") for answer in answers] == ["1", "0", "0"]
    assert "this API key: 2 calls" in (await answers[2].json())["error"]["message"]
    (first, *_) = records.api_keys.all(CLOUD)
    assert (await Caller(client, first)("GET", "/ping"))[0] == 200, "others go on"


async def test_usage_tells_requests_by_key_and_each_key_that_is_no_owner_its_own(
    client: Client, records: Records
) -> None:
    reads = await key_of(records, "read")
    for _ in range(2):
        usage = (await Caller(client, reads)("GET", "/usage"))[1]
    assert usage["keys"] == [{"api_key": reads.api_key, "requests": 2}]
    (first, *_) = records.api_keys.all(CLOUD)
    told = (await Caller(client, first)("GET", "/usage"))[1]["keys"]
    assert {one["api_key"]: one["requests"] for one in told} == {first.api_key: 1, reads.api_key: 2}


async def test_what_is_under_retention_takes_room(client: Client, records: Records, tmp_path: Path) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + "\n[quotas]\nbytes_max = 25\n", "utf-8")
    await records.reload_policies()
    call = Caller(client, records.api_keys.all(CLOUD)[0])
    assert (await call.upload(public_id="third", backup="true"))[0] == 200
    assert (await call("GET", "/usage"))[1]["storage"] == {"usage": 19, "limit": 25}
    assert (await call.upload(public_id="third"))[0] == 200, "the old one stays, and there is just room for both"
    assert (await call("GET", "/usage"))[1]["storage"]["usage"] == 24
    assert (await call.upload(public_id="third"))[0] == 200, "this one takes the place of one that goes"
    assert (await call("POST", "/image/destroy", data={"public_id": "third"}))[0] == 200
    assert (await call.upload(public_id="fourth"))[0] == 200
    status, said = await call.upload(public_id="fifth")
    assert (status, "bytes_max" in said["error"]["message"]) == (400, True)


async def test_quotas_of_a_cloud_are_held_to_by_name(client: Client, records: Records, tmp_path: Path) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + "\n[quotas]\nassets_max = 3\nbytes_max = 18\n", "utf-8")
    assert await records.reload_policies() == (), "edges need not know"
    call = Caller(client, records.api_keys.all(CLOUD)[0])
    assert (await call("GET", "/usage"))[1]["objects"] == {"usage": 2, "limit": 3}
    status, said = await call.upload(public_id="third")
    assert status == 400
    assert "Quota exceeded - bytes_max" in said["error"]["message"], "7 + 7 + 5 are more than 18"
    assert (await call("POST", "/image/destroy", data={"public_id": "logo"}))[0] == 200
    assert (await call.upload(public_id="third"))[0] == 200
    assert (await call.upload(public_id="third"))[0] == 200, "replacing takes no more"


async def test_uploads_in_flight_are_counted_by_cloud(client: Client, records: Records, tmp_path: Path) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + "\n[quotas]\nuploads_in_flight_max = 1\n", "utf-8")
    await records.reload_policies()
    call = Caller(client, records.api_keys.all(CLOUD)[0])
    assert client.app is not None
    origin = client.app[ORIGIN]
    with origin.limits.upload(CLOUD, NO_QUOTAS):
        status, said = await call.upload(public_id="second")
        assert (status, "uploads_in_flight_max: 1" in said["error"]["message"]) == (420, True)
    assert (await call.upload(public_id="second"))[0] == 200
    assert origin.limits.uploads == {}

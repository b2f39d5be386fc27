"""What an upload has to do with decoders: none sees bytes that may not be transformed here, and those that held the old
bytes are replaced by every change that ends a version (decisions E.5)."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.analysis import NOTHING
from origin.app import api_app
from origin.records import Filter, Preset, Records
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, facts, name, upload

Client = TestClient[Any, Any]


class Decoders:
    """Finds everything good, and counts what it is told to replace."""

    def __init__(self) -> None:
        self.retired: list[str | None] = []
        self.probed = 0

    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        self.probed += 1
        return SimpleNamespace(done=SimpleNamespace(source=facts(body), analysis=NOTHING))

    def retire(self, tenant: str | None = None) -> None:
        self.retired.append(tenant)


@pytest.fixture
def decoders() -> Decoders:
    return Decoders()


@pytest_asyncio.fixture
async def client(records: Records, decoders: Decoders) -> AsyncIterator[Client]:
    origin = origin_over(records, decoders)
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    async with TestClient(TestServer(api_app(origin)), headers={"Authorization": f"Basic {basic}"}) as client:
        yield client


def form_of(public_id: str, body: bytes) -> FormData:
    form = FormData()
    form.add_field("public_id", public_id)
    form.add_field("file", io.BytesIO(body), filename="a.jpg")
    return form


async def post_file(client: Client, public_id: str, body: bytes) -> None:
    answer = await client.post(f"/v1_1/{CLOUD}/image/upload", data=form_of(public_id, body))
    assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("activity", ["store", "transform"])
async def test_bytes_that_may_not_be_stored_or_transformed_here_reach_no_decoder_and_no_disk(
    client: Client, decoders: Decoders, records: Records, tmp_path: Path, activity: str
) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + f"\n[zones]\n{activity} = []\n", "utf-8")
    assert await records.reload_policies() == (CLOUD,)
    answer = await client.post(f"/v1_1/{CLOUD}/image/upload", data=form_of("a", b"bytes"))
    assert answer.status == 400
    assert f"denies {activity}" in (await answer.json())["error"]["message"]
    assert decoders.probed == 0
    assert not list((tmp_path / "data" / "originals").rglob("?" * 32))


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


@pytest_asyncio.fixture
async def stranger(records: Records, decoders: Decoders) -> AsyncIterator[Client]:
    """Somebody without credentials, where one preset is for everybody and one is not."""
    for preset, unsigned in (("open", True), ("closed", False)):
        await records.presets.add(
            CLOUD, preset, Preset(name=preset, unsigned=unsigned, settings={"overwrite": "true"}, created_at=0.0)
        )
    origin = origin_over(records, decoders)
    origin.unsigned_rates.calls_max = 3
    origin.settings = replace(origin.settings, upload=replace(origin.settings.upload, unsigned_bytes_max=8))
    async with TestClient(TestServer(api_app(origin))) as client:
        yield client


async def post_as_stranger(client: Client, preset: str, body: bytes) -> tuple[int, dict[str, Any]]:
    form = form_of("a", body)
    form.add_field("upload_preset", preset)
    answer = await client.post(f"/v1_1/{CLOUD}/image/upload", data=form)
    return answer.status, await answer.json()


async def test_a_stranger_uploads_through_an_unsigned_preset_alone(stranger: Client, records: Records) -> None:
    assert (await post_as_stranger(stranger, "closed", b"one"))[0] == 400
    assert await records.get(name("a")) is None
    assert (await post_as_stranger(stranger, "open", b"one"))[0] == 200


async def test_a_stranger_never_overwrites_whatever_the_preset_says(stranger: Client) -> None:
    _, first = await post_as_stranger(stranger, "open", b"one")
    status, second = await post_as_stranger(stranger, "open", b"two")
    assert (status, second["existing"], second["version_id"]) == (200, True, first["version_id"])


async def test_a_stranger_sends_little_and_not_often(stranger: Client, decoders: Decoders) -> None:
    assert (await post_as_stranger(stranger, "open", b"nine byte"))[0] == 400
    assert decoders.probed == 0
    assert [(await post_as_stranger(stranger, "open", b"one"))[0] for _ in range(3)] == [200, 200, 429]


async def test_a_page_of_another_site_may_upload_and_do_nothing_else(stranger: Client) -> None:
    upload, destroy = f"/v1_1/{CLOUD}/image/upload", f"/v1_1/{CLOUD}/image/destroy"
    asked = await stranger.options(upload, headers={"Origin": "https://app.example"})
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, "*")
    allowed = asked.headers["Access-Control-Allow-Headers"].lower()
    assert "x-unique-upload-id" in allowed
    assert "authorization" not in allowed
    assert "Access-Control-Allow-Credentials" not in asked.headers
    refused = await stranger.post(upload, data=form_of("a", b"one"))
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (400, "*")
    for reply in (await stranger.options(destroy), await stranger.post(destroy, data={"public_id": "a"})):
        assert reply.status in {400, 404}
        assert "Access-Control-Allow-Origin" not in reply.headers


async def test_a_stranger_gets_no_url_signed_and_learns_nothing_of_what_is_there(
    stranger: Client, records: Records
) -> None:
    """A signature for a raw file of a name of their choice would open the picture of that name."""
    await records.presets.change(CLOUD, "open", lambda one: replace_settings(one, type="private"))
    await upload(records, name("a", delivery_type="private"), context={"of": "jane"}, tags=("secret",))
    _, found = await post_as_stranger(stranger, "open", b"one")
    assert found["existing"] is True
    assert not found.keys() & {"context", "tags", "metadata", "width", "original_filename", "bytes"}
    form = form_of("b.jpg", b"one")
    form.add_field("upload_preset", "open")
    answer = await stranger.post(f"/v1_1/{CLOUD}/raw/upload", data=form)
    made = await answer.json()
    assert answer.status == 200, made
    assert "/s--" not in f"{found['url']} {found['secure_url']} {made['url']} {made['secure_url']}"
    assert made["url"].endswith(f"/{CLOUD}/raw/private/v{made['version']}/b.jpg")


async def test_a_raw_file_is_of_an_allowed_format_whatever_it_was_called(stranger: Client, records: Records) -> None:
    await records.presets.change(CLOUD, "open", lambda one: replace_settings(one, allowed_formats="jpg,pdf"))
    for public_id, wanted in (("evil.js", 400), (".js", 400), ("plain", 200)):
        form = form_of(public_id, b"one")
        form.add_field("upload_preset", "open")
        assert (await stranger.post(f"/v1_1/{CLOUD}/raw/upload", data=form)).status == wanted


async def test_strangers_leave_room_for_the_chunks_of_others(stranger: Client, records: Records) -> None:
    object.__setattr__(records._core.settings, "chunked_uploads_max", 2)
    statuses = []
    for upload_id in ("one", "two"):
        form = form_of("a", b"one")
        form.add_field("upload_preset", "open")
        headers = {"Content-Range": "bytes 0-2/6", "X-Unique-Upload-Id": upload_id}
        reply = await stranger.post(f"/v1_1/{CLOUD}/raw/upload", data=form, headers=headers)
        statuses.append(reply.status)
    assert statuses == [200, 400]


async def test_the_chunks_of_a_file_go_with_the_commit_of_what_was_made_of_them(
    stranger: Client, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are its bytes under other keys: an erase would not reach what a process left behind that died just then."""

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(type(records.chunks), "forget", dies)
    keys = records._core.keyring
    before = keys.ids()
    for span, body in (("0-2/6", b"one"), ("3-5/6", b"two")):
        form = form_of("a.txt", body)
        form.add_field("upload_preset", "open")
        headers = {"Content-Range": f"bytes {span}", "X-Unique-Upload-Id": "one"}
        await stranger.post(f"/v1_1/{CLOUD}/raw/upload", data=form, headers=headers)
    made = await records.list(CLOUD, Filter(resource_type="raw"))
    assert len(made.records) == 1
    assert len(keys.ids() - before) == 1, "of the file alone"


def replace_settings(preset: Preset, **settings: str) -> Preset:
    return msgspec.structs.replace(preset, settings=dict(settings))

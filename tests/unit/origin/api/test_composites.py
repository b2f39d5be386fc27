"""Sprites and animations: of what, and who may have one in the place of another."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from domicile.media.access import AccessRule
from domicile.media.analysis import NOTHING
from domicile.media.asset import AssetName
from origin.app import api_app
from origin.records import AssetRecord, PurgeTargets, Records
from origin.scope import Operation, Scope
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, facts, name, upload

Client = TestClient[Any, Any]


class Decoders:
    """Makes anything of anything, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.orders: list[str] = []

    async def render(self, _body: bytes, job: Any, **_: object) -> SimpleNamespace:
        self.orders.append(job.transformation)
        return SimpleNamespace(done=SimpleNamespace(format="png", width=5, height=4), body=b"rendition")

    async def gather(self, bodies: list[bytes], *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(source=facts(b"")), body=b"%d together" % len(self.orders))

    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(source=facts(body), analysis=NOTHING))

    def retire(self, tenant: str | None = None) -> None:
        pass


class World:
    def __init__(self, records: Records, client: Client, decoders: Decoders) -> None:
        self.records = records
        self.client = client
        self.decoders = decoders

    async def ask(self, verb: str, *operations: Operation, **asked: Any) -> tuple[int, dict[str, Any]]:
        """By a new key of the cloud."""
        scope = Scope(operations=frozenset(operations or {Operation.ADMIN}))
        key, _ = await self.records.api_keys.create(CLOUD, scope)
        basic = base64.b64encode(f"{key.api_key}:{key.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        answer = await self.client.post(f"/v1_1/{CLOUD}/image/{verb}", json=asked, headers=headers)
        await self.records.api_keys.revoke(CLOUD, key.api_key)
        return answer.status, await answer.json()

    async def kept(self, kind: str, public_id: str, resource_type: str = "image") -> AssetRecord | None:
        asked = AssetName(cloud=CLOUD, resource_type=resource_type, delivery_type=kind, public_id=public_id)
        return await self.records.get(asked)


@pytest_asyncio.fixture
async def world(records: Records) -> AsyncIterator[World]:
    decoders = Decoders()
    async with TestClient(TestServer(api_app(origin_over(records, decoders)))) as client:
        yield World(records, client, decoders)


MAY = (Operation.READ, Operation.UPLOAD)


@pytest.mark.parametrize("verb", ["sprite", "multi", "text"])
async def test_a_key_that_may_not_edit_replaces_nothing(world: World, verb: str) -> None:
    await upload(world.records, name("a"), tags=("t",))
    asked = {"text": "x", "public_id": "made"} if verb == "text" else {"tag": "t", "public_id": "made"}
    assert (await world.ask(verb, *MAY, **asked))[0] == 200
    first = await world.kept(verb, "made")
    status, said = await world.ask(verb, *MAY, **asked)
    if verb == "text":
        assert (status, said["version_id"]) == (200, first.aid if first else "")
    else:
        assert (status, "may not edit" in said["error"]["message"]) == (401, True)
    assert await world.kept(verb, "made") == first
    if verb == "sprite":
        await world.records.destroy(first.name if first else name("a"))
        css = await world.kept("sprite", "made.css", "raw")
        assert css is None, "it went with its picture"
    assert world.records._uploads._drafts == {}
    status, said = await world.ask(verb, *MAY, Operation.EDIT, **asked)
    assert (status, said["version_id"] == (first.aid if first else "")) == (200, False)


@pytest.mark.parametrize("verb", ["sprite", "multi"])
async def test_what_is_not_for_everybody_becomes_no_part_of_what_is(world: World, verb: str) -> None:
    await upload(world.records, name("open"), tags=("t",))
    await upload(world.records, name("closed"), tags=("t",), access_control=(AccessRule(access_type="token"),))
    status, said = await world.ask(verb, tag="t")
    assert status == 400
    assert "everybody may see" in said["error"]["message"]


async def test_a_text_that_is_there_is_told_to_nobody_who_may_not_look(world: World) -> None:
    await world.ask("text", text="x", public_id="made")
    record = await world.kept("text", "made")
    assert record is not None
    await world.records.edit([record.name], lambda one: replace(one, tags=("secret-tag",)))
    status, said = await world.ask("text", Operation.UPLOAD, text="y", public_id="made")
    assert (status, said["asset_id"]) == (200, record.asset_id)
    assert "secret-tag" not in repr(said)


def url(path: str, base: str = "http://127.0.0.1:8080") -> str:
    return f"{base}/{CLOUD}/{path}"


async def test_delivery_urls_say_of_what_and_how_each_is_shown(world: World) -> None:
    for public_id in ("people/a b", "c"):
        await upload(world.records, name(public_id))
    urls = [url("image/upload/w_9,f_jpg/e_sepia/v1/people/a%20b.jpg"), url("c.png"), url("image/upload/c?_a=x")]
    status, said = await world.ask("sprite", urls=urls, transformation="c_scale,w_20")
    assert status == 200, said
    assert world.decoders.orders == ["w_9/e_sepia/c_scale,w_20", "c_scale,w_20", "c_scale,w_20"]
    assert list(said["image_infos"]) == ["people/a b", "c", "c_2"], "in their order, each under a name of its own"
    assert (await world.ask("sprite", urls=urls))[1]["public_id"] == said["public_id"], "the same is made again"
    assert (await world.ask("multi", urls=urls[:1]))[1]["public_id"] != said["public_id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("https://elsewhere.example/acme/image/upload/c.png", 400),
        ("http://127.0.0.1:8080/other/image/upload/c.png", 400),
        ("http://127.0.0.1:8080/acme/raw/upload/c.png", 400),
        ("http://127.0.0.1:8080/acme/image/fetch/https://x.example/c.png", 400),
        ("http://127.0.0.1:8080/acme/image/upload/w_1,h_/v1/c.png", 400),
        ("http://127.0.0.1:8080/acme/image/authenticated/s--AAAAAAAA--/c.png", 400),
        ("http://127.0.0.1:8080/acme/image/upload/nobody.png", 404),
        ("not a URL", 400),
    ],
)
async def test_other_urls_are_refused(world: World, path: str, status: int) -> None:
    for kind in ("upload", "authenticated"):
        await upload(world.records, name("c", delivery_type=kind))
    assert (await world.ask("multi", urls=[path]))[0] == status
    assert world.decoders.orders == [] or "authenticated" in path


async def test_a_tag_and_urls_are_one_too_many(world: World) -> None:
    for asked in ({}, {"tag": "t", "urls": [url("c.png")]}, {"urls": [url("c.png")] * 201}):
        assert (await world.ask("multi", **asked))[0] == 400


@pytest.mark.parametrize("verb", ["sprite", "multi"])
async def test_what_is_erased_while_it_is_put_together_is_handed_out_to_nobody(
    world: World, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for public_id in ("a", "b"):
        await upload(world.records, name(public_id), tags=("t",))
    gather = world.decoders.gather

    async def slow(bodies: list[bytes], *more: object, **named: object) -> SimpleNamespace:
        await world.records.erase(CLOUD, PurgeTargets(public_ids=("a",)))
        return await gather(bodies, *more, **named)

    monkeypatch.setattr(world.decoders, "gather", slow)
    assert (await world.ask(verb, tag="t", mode="download"))[0] == 404

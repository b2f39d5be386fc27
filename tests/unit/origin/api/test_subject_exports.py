"""What is held about a person is handed out once, whole, signed, and without what is somebody else's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from domicile.cli.verify_export import check_archive, check_document
from domicile.media.errors import BadSignature
from origin.api import subject_zip
from origin.app import api_app
from origin.keys import ORIGIN, Origin
from origin.records import PurgeTargets, RecipientKind, Records
from origin.scope import scope_of
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, upload, written

WAIT_SECONDS_MAX = 30.0
JANE, JOAN = "person-4711-jane", "person-4712-joan"
KNOWN: dict[str, Any] = {"subject_ids": (JANE,), "tags": ("team",), "context": {"alt": "Jane"}}


class Decoders:
    def retire(self, tenant: str | None = None) -> None:
        pass


@dataclass
class World:
    records: Records
    client: TestClient[Any, Any]
    basic: str

    @property
    def origin(self) -> Origin:
        assert self.client.app is not None
        return self.client.app[ORIGIN]

    async def ask(self, **asked: Any) -> dict[str, Any]:
        answer = await self.client.post(f"/v1_1/{CLOUD}/subjects/exports", json={"subject_id": JANE, **asked})
        assert answer.status == 200, await answer.text()
        said: dict[str, Any] = await answer.json()
        return said

    async def fetch(self, said: dict[str, Any], **headers: str) -> tuple[int, bytes]:
        parts = urlsplit(said["download_url"])
        answer = await self.client.get(f"{parts.path}?{parts.query}", headers={"Authorization": "", **headers})
        return answer.status, await answer.read()

    async def state(self, said: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.get(f"/v1_1/{CLOUD}/subjects/exports/{said['export_id']}")
        told: dict[str, Any] = await answer.json()
        return told


@pytest_asyncio.fixture
async def world(records: Records) -> AsyncIterator[World]:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    basic = base64.b64encode(f"{tenant.api_key}:{tenant.api_secret}".encode()).decode()
    app = api_app(origin_over(records, Decoders()))
    app[ORIGIN].now = records._core.now
    async with TestClient(TestServer(app), headers={"Authorization": f"Basic {basic}"}) as client:
        yield World(records, client, f"Basic {basic}")


def opened(body: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    return files, manifest


def checked(world: World, body: bytes, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "export.zip"
    path.write_bytes(body)
    return check_archive(path, world.records.statement_public_key())


async def test_everything_is_in_it_with_what_is_known_and_it_can_be_checked_offline(
    world: World, tmp_path: Path
) -> None:
    records = world.records
    await upload(records, name("people/jane"), b"first", backup=True, **KNOWN)
    now = (await upload(records, name("people/jane"), b"second", **KNOWN)).record
    await records.recipients.note(CLOUD, [now.aid], RecipientKind.WEBHOOK, "hooks.example")
    await upload(records, name("gone/jane"), b"deleted", backup=True, **KNOWN)
    await records.destroy(name("gone/jane"))
    await upload(records, name("people/joan"), b"not hers", subject_ids=(JOAN,))
    said = await world.ask()
    assert (said["outcome"], said["versions"], said["bytes"]) == ("ready", 3, 5 + 6 + 7)
    status, body = await world.fetch(said)
    assert status == 200
    told = checked(world, body, tmp_path)
    files, manifest = opened(body)
    assert told == manifest
    entries = {asset["bytes"]: asset for asset in manifest["assets"]}
    assert {size: files[asset["file"]["path"]] for size, asset in entries.items()} == {
        5: b"first",
        6: b"second",
        7: b"deleted",
    }
    current = entries[6]
    assert (current["state"], current["version_id"], current["public_id"]) == ("current", now.aid, "people/jane")
    assert (current["tags"], current["context"], current["about_others"]) == (["team"], {"alt": "Jane"}, 0)
    assert current["file"]["sha256"] == hashlib.sha256(b"second").hexdigest()
    assert {entries[5]["state"], entries[7]["state"]} == {"under_retention"}
    assert entries[7]["ended_at"]
    assert manifest["subject_id"] == JANE
    assert manifest["policy"]["zones"]["store"] == ["eu-de"]
    assert JOAN not in files["manifest.json"].decode()
    assert current["recipients"][0]["who"] == "hooks.example"
    state = await world.state(said)
    assert (state["state"], state["files"], state["gone"], state["bytes"]) == ("done", 3, 0, 18)
    answer = await world.client.get(f"/v1_1/{CLOUD}/resources/recipients/{now.asset_id}")
    register = await answer.json()
    assert {one["state"]: [to["kind"] for to in one["recipients"]] for one in register["versions"]} == {
        "current": ["webhook", "export"],
        "under_retention": ["export"],
    }
    assert register["versions"][0]["recipients"][1]["who"] == said["export_id"]
    assert (await world.client.get(f"/v1_1/{CLOUD}/resources/recipients/{'a' * 32}")).status == 404


async def test_what_is_restricted_is_held_all_the_same(world: World, tmp_path: Path) -> None:
    record = (await upload(world.records, name("jane"), b"restricted", **KNOWN)).record
    await world.records.restrict(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    assert await world.records.get(name("jane")) is None
    _, body = await world.fetch(await world.ask())
    (entry,) = checked(world, body, tmp_path)["assets"]
    assert (entry["state"], b"restricted" in body) == ("restricted", True)
    register = await (await world.client.get(f"/v1_1/{CLOUD}/resources/recipients/{record.asset_id}")).json()
    assert [one["state"] for one in register["versions"]] == ["restricted"]


async def test_a_link_works_once_for_who_has_its_token_and_not_for_ever(world: World) -> None:
    await upload(world.records, name("jane"), **KNOWN)
    first, second = await world.ask(), await world.ask(expires_in=60)
    wrong = {**first, "download_url": first["download_url"].rpartition("=")[0] + f"={'0' * 64}"}
    mixed = {**first, "download_url": second["download_url"].replace(second["export_id"], first["export_id"])}
    refused = [await world.fetch(wrong), await world.fetch(mixed)]
    head = urlsplit(first["download_url"])
    assert (await world.client.head(f"{head.path}?{head.query}")).status == 200, "looking at it does not use it"
    assert (await world.fetch(first))[0] == 200
    refused.append(await world.fetch(first))
    later = world.records._core.now() + 61
    object.__setattr__(world.records._core, "now", lambda: later)
    refused.append(await world.fetch(second))
    assert {status for status, _ in refused} == {404}
    assert len({body for _, body in refused}) == 1
    assert (await world.state(second))["state"] == "expired"


async def test_the_audit_log_says_so_before_a_byte_has_left_and_names_nobody(world: World) -> None:
    await upload(world.records, name("jane"), **KNOWN)
    said = await world.ask()
    before = await world.records.audit.leaves(0, 10)
    _, body = await world.fetch(said)
    files, manifest = opened(body)
    begun, done = (await world.records.audit.leaves(0, 10))[len(before) :]
    assert manifest["audit_log"]["begun"] == len(before)
    assert (json.loads(begun)["outcome"], json.loads(done)["outcome"]) == ("begun", "done")
    assert json.loads(done)["statement"] == hashlib.sha256(files["manifest.json"]).hexdigest()
    assert JANE.encode() not in begun + done
    promise = json.dumps(
        {"export_id": said["export_id"], "salt": manifest["salt"]}, sort_keys=True, separators=(",", ":")
    )
    assert json.loads(begun)["statement"] == hashlib.sha256(promise.encode()).hexdigest()


async def test_what_is_erased_between_request_and_fetch_is_gone_and_said_to_be(world: World, tmp_path: Path) -> None:
    kept = (await upload(world.records, name("kept"), b"kept", **KNOWN)).record
    lost = (await upload(world.records, name("lost"), b"lost", **KNOWN)).record
    said = await world.ask()
    await world.records.erase(CLOUD, PurgeTargets(public_ids=("lost",)))
    _, body = await world.fetch(said)
    told = checked(world, body, tmp_path)
    assert [asset["version_id"] for asset in told["assets"]] == [kept.aid]
    assert told["gone"] == [{"version_id": lost.aid}]
    assert b"lost" not in body
    assert (await world.state(said))["gone"] == 1


async def test_what_is_erased_while_it_is_handed_out_ends_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(world.records, name("large"), bytes(3 * 1024 * 1024), **KNOWN)
    said = await world.ask()
    real = subject_zip.SubjectZip._write
    core = world.records._core
    taken = (await world.records.get(name("large"))).aid  # type: ignore[union-attr]
    dead = [False]
    of = core.keyring.of
    monkeypatch.setattr(core.keyring, "of", lambda aid: None if dead[0] and aid == taken else of(aid))

    def cut(self: Any, file: Any, piece: bytes) -> bytes:
        dead[0] = dead[0] or file.path.startswith("files/")
        return real(self, file, piece)

    monkeypatch.setattr(subject_zip.SubjectZip, "_write", cut)
    _, body = await world.fetch(said)
    (entry,) = checked(world, body, tmp_path)["assets"]
    assert entry["left_out"] == "cut_off"
    assert 0 < entry["file"]["bytes"] < 3 * 1024 * 1024


async def test_pictures_of_several_persons_are_marked_and_left_out_unless_the_caller_decides_otherwise(
    world: World, tmp_path: Path
) -> None:
    await upload(world.records, name("group"), b"both", subject_ids=(JANE, JOAN), context={"alt": "Jane and Joan"})
    for asked in (dict[str, str](), {"multi_subject": "leave_out"}, {"multi_subject": "include"}):
        _, body = await world.fetch(await world.ask(**asked))
        (entry,) = checked(world, body, tmp_path)["assets"]
        is_in = asked.get("multi_subject") == "include"
        assert (entry["about_others"], entry.get("left_out")) == (1, None if is_in else "shared")
        assert (b"both" in body, b"Jane and Joan" in body) == (is_in, is_in)
        assert JOAN.encode() not in body


async def test_that_nothing_is_held_is_signed_too(world: World) -> None:
    await upload(world.records, name("joan"), subject_ids=(JOAN,))
    said = await world.ask()
    assert said["outcome"] == "nothing_held"
    key = world.records.statement_public_key()
    told = check_document(said["manifest"].encode(), said["signature"], key)
    assert (told["outcome"], told["subject_id"], told["assets"]) == ("nothing_held", JANE, [])
    with pytest.raises(BadSignature):
        check_document(said["manifest"].replace(JANE, JOAN).encode(), said["signature"], key)
    (*_, leaf) = await world.records.audit.leaves(0, 10)
    assert json.loads(leaf)["statement"] == hashlib.sha256(said["manifest"].encode()).hexdigest()


async def test_an_archive_that_was_changed_or_cut_off_does_not_hold(world: World, tmp_path: Path) -> None:
    await upload(world.records, name("jane"), b"the picture", **KNOWN)
    _, body = await world.fetch(await world.ask())
    assert checked(world, body, tmp_path)
    for changed in (body.replace(b"the picture", b"the pictuRe"), body.replace(b'"team"', b'"term"'), body[:-30]):
        assert changed != body
        with pytest.raises(BadSignature):
            checked(world, changed, tmp_path)
    files, _ = opened(body)
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for path, content in {**files, "files/more.jpg": b"slipped in"}.items():
            archive.writestr(path, content)
    with pytest.raises(BadSignature, match="other files"):
        check_archive(tmp_path / "more.zip", world.records.statement_public_key())


async def test_more_than_fits_goes_into_parts_that_together_are_all(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.records.subjects.VERSIONS_MAX", 2)
    made = {(await upload(world.records, name(f"jane{number}"), **KNOWN)).record.aid for number in range(5)}
    found, cursor = list[str](), dict[str, str]()
    for left in (2, 2, 1):
        said = await world.ask(**cursor)
        _, body = await world.fetch(said)
        found += [asset["version_id"] for asset in checked(world, body, tmp_path)["assets"]]
        assert said["versions"] == left
        cursor = {"next_cursor": said["next_cursor"]} if "next_cursor" in said else {}
    assert cursor == {}
    assert (set(found), len(found)) == (made, 5)
    monkeypatch.setattr("origin.records.subjects.VERSIONS_MAX", 10)
    found_at_once = await world.records.subjects.holdings(CLOUD, JANE, body_bytes_max=15)
    assert (len(found_at_once.aids), found_at_once.body_bytes) == (2, 14)


async def test_nothing_at_rest_tells_for_whom_an_export_is(world: World, tmp_path: Path) -> None:
    await upload(world.records, name("jane"), b"the-bytes-of-it", **KNOWN)
    said = await world.ask()
    token = said["download_url"].rpartition("=")[2]
    waiting = written(tmp_path)
    await world.fetch(said)
    for content in (waiting, written(tmp_path)):
        for secret in (JANE, "the-bytes-of-it", token, "personal-data"):
            assert secret.encode() not in content, secret


async def test_what_the_policy_redacts_in_links_is_for_the_secret_itself_alone(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + '\n[redaction]\nfaces = "blur"\nexcept_signed = false\n', "utf-8")
    await world.records.reload_policies()
    await upload(world.records, name("jane"), b"her face", **KNOWN)
    _, body = await world.fetch(await world.ask())
    (entry,) = checked(world, body, tmp_path)["assets"]
    assert (entry["left_out"], b"her face" in body) == ("redacted", False)
    _, body = await world.fetch(await world.ask(), Authorization=world.basic)
    assert b"her face" in body


async def test_persons_are_looked_up_by_a_role_of_its_own_and_not_at_will(world: World) -> None:
    records = world.records
    key, _ = await records.api_keys.create(CLOUD, scope_of(("read", "edit", "delete", "erase", "upload"), ""))
    dpo, _ = await records.api_keys.create(CLOUD, scope_of(("dpo",), ""))

    async def call(one: Any, method: str, path: str, **body: Any) -> int:
        basic = base64.b64encode(f"{one.api_key}:{one.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        return (await world.client.request(method, f"/v1_1/{CLOUD}{path}", headers=headers, json=body)).status

    search = {"expression": f'subject="{JANE}"'}
    shown = {"expression": "tags=x", "with_field": ["subject_ids"]}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/subjects/exports", {"subject_id": JANE}),
        ("/resources/search", search),
        ("/resources/search", shown),
    ]
    assert [await call(key, "POST", path, **body) for path, body in asked] == [403, 403, 403]
    assert await call(key, "POST", "/resources/search", expression="tags=x") == 200
    assert await call(dpo, "POST", "/subjects/exports", subject_id=JANE) == 200
    assert await call(dpo, "GET", "/resources/image/upload/jane") == 403
    world.origin.limits.lookups_max = 3
    assert (await world.ask())["outcome"] == "nothing_held"
    assert await call(dpo, "POST", "/subjects/exports", subject_id=JANE) == 200
    assert await call(dpo, "POST", "/subjects/exports", subject_id=JANE) == 429
    erase = {"mode": "dry_run", "selector[subject]": JANE}
    for path, body in (("/resources/search", search), ("/erasures", erase)):
        assert (await world.client.post(f"/v1_1/{CLOUD}{path}", json=body)).status == 429
    expression = {"mode": "dry_run", "selector[search]": f'subject="{JANE}"'}
    assert (await world.client.post(f"/v1_1/{CLOUD}/erasures", json=expression)).status == 429


BAD = [
    ("", {}, "subject_id"),
    ("", {"subject_id": " "}, "subject_id"),
    ("", {"subject_id": "x" * 256}, "subject_id"),
    ("?subject_id=jane", {}, "belongs into the body"),
    ("", {"subject_id": JANE, "multi_subject": "ask"}, "multi_subject"),
    ("", {"subject_id": JANE, "expires_in": "59"}, "expires_in"),
    ("", {"subject_id": JANE, "next_cursor": "zz"}, "next_cursor"),
    ("", {"subject_id": JANE, "public_id": "a"}, "public_id"),
]


async def test_a_call_that_is_none_is_refused_by_name(world: World) -> None:
    for query, body, said in BAD:
        answer = await world.client.post(f"/v1_1/{CLOUD}/subjects/exports{query}", json=body)
        assert answer.status == 400
        assert said in (await answer.json())["error"]["message"]


async def test_a_reader_who_goes_away_has_used_the_link_and_is_said_to_be_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ConnectionResetError

    await upload(world.records, name("jane"), **KNOWN)
    said = await world.ask()
    with monkeypatch.context() as patch:
        patch.setattr("origin.api.handing_out._write", broken)
        parts = urlsplit(said["download_url"])
        with pytest.raises(Exception):  # noqa: B017 - the connection is cut, in whatever words
            await (await world.client.get(f"{parts.path}?{parts.query}")).read()
    assert (await world.fetch(said))[0] == 404
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(leaves := await world.records.audit.leaves(0, 10)) < 2:
            await asyncio.sleep(0.01)
    assert [json.loads(leaf)["outcome"] for leaf in leaves] == ["begun", "cut_off"]
    assert (await world.state(said))["state"] == "cut_off"

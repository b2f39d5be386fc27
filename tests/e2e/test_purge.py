"""Signed purge: once it is answered, no worker serves the old bytes; and nobody else can make the call."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.signer import COVERED, PATH, PurgeCall
from tests.e2e.stack import REQUEST_SECONDS_MAX, Reply, Stack, frozen

CONNECTIONS = 40
"""Fresh connections per question: with two workers the chance that one is never asked is 2**-39."""


def picture(color: tuple[int, int, int]) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(body, "PNG")
    return body.getvalue()


RED, BLUE = picture((200, 0, 0)), picture((0, 0, 200))


def everywhere(stack: Stack, path: str) -> list[Reply]:
    return [stack.get(path) for _ in range(CONNECTIONS)]


def ask(stack: Stack, path: str) -> socket.socket:
    """A request on a connection of its own; its answer is not waited for."""
    connection = socket.create_connection(("127.0.0.1", stack.edge_port), REQUEST_SECONDS_MAX)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    return connection


def status_of(connection: socket.socket) -> int:
    with connection, http.client.HTTPResponse(connection) as response:
        response.begin()
        return response.status


def warm(stack: Stack, path: str) -> str:
    """Make every worker hold the object; the hash of its body."""
    replies = everywhere(stack, path)
    assert {reply.status for reply in replies} == {200}, replies[0].headers
    assert all(reply.cache == "hit" for reply in everywhere(stack, path))
    (body,) = {reply.body for reply in replies}
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    stack: Stack
    keyid: str
    key: Ed25519PrivateKey

    def call(self, *targets: dict[str, Any], **fields: Any) -> PurgeCall:
        fields.setdefault("authority", f"127.0.0.1:{self.stack.edge_port}")
        return PurgeCall(list(targets), keyid=self.keyid, key=self.key, **fields)

    def send(self, call: PurgeCall) -> Reply:
        headers, body = call.signed()
        return self.stack.request("POST", PATH, headers, body)


@pytest.fixture(scope="module")
def signer(stack: Stack) -> Signer:
    file = stack.data.with_name("purge-key.pem")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "domicile.cli.main", "key", "new", "--data", str(stack.data)),
            *("--cloud", "demo", "--out", str(file), "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    key = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    assert file.stat().st_mode & 0o077 == 0
    return Signer(stack, json.loads(made.stdout)["keyid"], key)


@dataclass(frozen=True, slots=True)
class Target:
    public_id: str
    tag: str
    folder: str
    answer: dict[str, Any]
    path: str


@pytest.fixture
def asset(stack: Stack, canaries: Canaries) -> Target:
    folder, tag, name = canaries.name("folder"), canaries.name("tag"), canaries.name("name")
    answer = stack.sdk().uploader.upload(io.BytesIO(RED), public_id=f"{folder}/{name}", tags=[tag])
    public_id = f"{folder}/{name}"
    return Target(public_id, tag, folder, answer, f"/demo/image/upload/c_scale,w_20/v1/{public_id}.png")


SELECTORS: dict[str, Callable[[Target], dict[str, Any]]] = {
    "asset": lambda it: {"asset_id": it.answer["asset_id"]},
    "public_id": lambda it: {"public_id": it.public_id},
    "url": lambda it: {"url": it.path},
    "tag": lambda it: {"tag": it.tag},
    "prefix": lambda it: {"prefix": f"/demo/image/upload/{it.folder}/"},
    "everything": lambda it: {"everything": True},
}


@pytest.mark.parametrize("selector", list(SELECTORS))
def test_after_the_answer_no_worker_serves_from_before(
    stack: Stack, signer: Signer, asset: Target, selector: str
) -> None:
    warm(stack, asset.path)
    answer = signer.send(signer.call(SELECTORS[selector](asset)))
    assert answer.status == 200, answer.body
    assert answer.json()["state"] == "fenced"
    with frozen(stack.processes("origin")):  # nobody can read them again: whoever answers now has kept them
        waiting = [ask(stack, asset.path) for _ in range(CONNECTIONS)]
        answered, _, _ = select.select(waiting, [], [], 1.0)
        assert answered == []
    assert {status_of(connection) for connection in waiting} == {200}
    assert warm(stack, asset.path)


def test_a_purge_of_another_folder_leaves_this_one_alone(stack: Stack, signer: Signer, asset: Target) -> None:
    warm(stack, asset.path)
    shorter = f"/demo/image/upload/{asset.folder[:-1]}"
    assert signer.send(signer.call({"prefix": shorter})).status == 200
    assert all(reply.cache == "hit" for reply in everywhere(stack, asset.path))


def test_overwriting_purges_by_itself(stack: Stack, asset: Target) -> None:
    before = warm(stack, asset.path)
    stack.sdk().uploader.upload(io.BytesIO(BLUE), public_id=asset.public_id, overwrite=True)
    seen = {hashlib.sha256(reply.body).hexdigest() for reply in everywhere(stack, asset.path)}
    assert len(seen) == 1
    assert before not in seen


def test_destroying_purges_by_itself_and_frees_the_name(stack: Stack, asset: Target) -> None:
    warm(stack, asset.path)
    uploader = stack.sdk().uploader
    assert uploader.destroy(asset.public_id)["result"] == "ok"
    gone = everywhere(stack, asset.path)
    assert {reply.status for reply in gone} == {404}
    assert all(reply.body == b"" and "no-store" in reply.headers["cache-control"] for reply in gone)
    assert uploader.destroy(asset.public_id)["result"] == "not found"
    again = uploader.upload(io.BytesIO(BLUE), public_id=asset.public_id)
    assert again["asset_id"] != asset.answer["asset_id"]
    assert {reply.status for reply in everywhere(stack, asset.path)} == {200}


def test_renaming_moves_the_name_at_once(stack: Stack, canaries: Canaries, asset: Target) -> None:
    warm(stack, asset.path)
    new = canaries.name("renamed")
    stack.sdk().uploader.rename(asset.public_id, new)
    assert {reply.status for reply in everywhere(stack, asset.path)} == {404}
    assert {reply.status for reply in everywhere(stack, f"/demo/image/upload/c_scale,w_20/v1/{new}.png")} == {200}


def other_key(call: PurgeCall) -> PurgeCall:
    call.key = Ed25519PrivateKey.generate()
    return call


def without(left_out: str) -> Callable[[Signer, dict[str, Any]], PurgeCall]:
    return lambda signer, target: signer.call(target, covered=tuple(name for name in COVERED if name != left_out))


UNPROVED: dict[str, Callable[[Signer, dict[str, Any]], PurgeCall]] = {
    "another key under the same name": lambda s, t: other_key(s.call(t)),
    "an unknown key": lambda s, t: PurgeCall([t], authority=f"127.0.0.1:{s.stack.edge_port}", keyid="no", key=s.key),
    "expired": lambda s, t: s.call(t, created=1_700_000_000),
    "from the future": lambda s, t: s.call(t, created=4_000_000_000),
    "valid for too long": lambda s, t: s.call(t, valid_seconds=86_400),
    "for another purpose": lambda s, t: s.call(t, tag="something-else"),
    "a short nonce": lambda s, t: s.call(t, nonce="abc"),
    **{f"{left_out} not covered": without(left_out) for left_out in COVERED},
}


@pytest.mark.parametrize("how", list(UNPROVED))
def test_what_is_not_proved_gets_one_constant_answer(stack: Stack, signer: Signer, asset: Target, how: str) -> None:
    warm(stack, asset.path)
    reply = signer.send(UNPROVED[how](signer, {"public_id": asset.public_id}))
    assert (reply.status, reply.json()) == (401, {"error": "signature"})
    assert stack.get(asset.path).cache == "hit"


@pytest.mark.parametrize(
    "part", ["body", "Edge-Region", "Content-Type", "Content-Digest", "Signature", "Signature-Input"]
)
def test_tampering_after_signing_is_noticed(stack: Stack, signer: Signer, asset: Target, part: str) -> None:
    headers, body = signer.call({"public_id": asset.public_id}).signed()
    match part:
        case "body":
            body = body.replace(b"public_id", b"public_ID")
        case "Edge-Region":
            headers[part] = "eu-fr"
        case "Content-Type":
            headers[part] = "application/json; charset=utf-8"
        case "Content-Digest":
            headers[part] = f"sha-256=:{'A' * 43}=:"
        case _:
            headers[part] = headers[part].replace("purge=", "other=")
    reply = stack.request("POST", PATH, headers, body)
    assert (reply.status, reply.json()) == (401, {"error": "signature"})


def test_a_replay_is_refused_and_a_retry_under_the_same_purge_id_is_not(
    stack: Stack, signer: Signer, asset: Target
) -> None:
    call = signer.call({"public_id": asset.public_id})
    headers, body = call.signed()
    first = stack.request("POST", PATH, headers, body)
    assert first.status == 200
    assert stack.request("POST", PATH, headers, body).status == 409
    again = signer.send(signer.call({"public_id": asset.public_id}, purge_id=call.purge_id))
    assert again.status == 200
    assert again.json()["sequence"] == first.json()["sequence"]


def test_a_proved_call_for_another_place_is_misdirected(signer: Signer, asset: Target) -> None:
    target = {"public_id": asset.public_id}
    assert signer.send(signer.call(target, region="us-east")).status == 421
    assert signer.send(signer.call(target, authority="edge.example:80")).status == 421


def test_an_unsigned_call_and_an_oversized_one_do_nothing(stack: Stack, signer: Signer, asset: Target) -> None:
    warm(stack, asset.path)
    body = json.dumps({"purge_id": "x", "targets": [{"everything": True}]}).encode()
    assert stack.request("POST", PATH, {"Content-Type": "application/json"}, body).status == 401
    large = signer.call(*({"public_id": f"{asset.public_id}{n}"} for n in range(4000)))
    assert signer.send(large).status in {400, 401}
    assert stack.get(asset.path).cache == "hit"


def test_the_command_makes_the_signed_call(stack: Stack, signer: Signer, asset: Target) -> None:
    warm(stack, asset.path)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "domicile.cli.main", "purge", "--edge", f"http://127.0.0.1:{stack.edge_port}"),
            *("--key", str(stack.data.with_name("purge-key.pem")), "--keyid", signer.keyid, "--region", stack.region),
            *("--public-id", asset.public_id),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert stack.get(asset.path).cache != "hit"

"""The wire of a really running origin, spoken by the edge's own client, and the operator's socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import io
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from domicile.media import errors, sealed
from domicile.media.asset import AssetName
from domicile.media.journal import Fence, Head, Kind, follows
from domicile.media.keys import name_hash
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.media.wire import (
    LeaseAnswer,
    LeaseRequest,
    PurgeRelay,
    Relayed,
    Rendition,
    RenditionReport,
    ResolveRequest,
)
from domicile.service.gate.wire import PAST_MAX, ClientCertificate, WireClient, WireLimits
from domicile.service.settings import BadSetting
from domicile.service.signing import PURGE_PATH, SigningKey, new_key, sign_purge
from tests.integration.origin_process import OriginProcess, running_origin

HOME = "eu-de"
HOST = "127.0.0.1:18080"


def permit(activity: Activity) -> Permit:
    decided = decide(
        from_mapping({"tenant": "demo"}, home=HOME), activity, Place(name="edge", region=HOME), at=time.time()
    )
    assert isinstance(decided, Permit)
    return decided


def picture(color: tuple[int, int, int] = (1, 2, 3)) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (320, 200), color).save(body, "PNG")
    return body.getvalue() + b"\0" * 100_000  # longer than one sealed chunk


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    with running_origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture
async def wire(origin: OriginProcess) -> AsyncIterator[WireClient]:
    async with WireClient.open(f"unix:{origin.socket}", region=HOME) as client:
        yield client


async def test_calls_under_way_end_as_they_began_when_a_client_is_renewed(origin: OriginProcess) -> None:
    """By a certificate that cannot be read nothing changes."""
    base = f"unix:{origin.socket}"
    async with WireClient.open(base, region=HOME) as client:
        heads = (await leased(client)).tenants
        after = {one.tenant: one.head for one in heads}
        asking = asyncio.get_running_loop().create_task(client.journal(after, wait_seconds=20.0))
        await asyncio.sleep(0)
        for _ in range(PAST_MAX):
            await client.renew(base, region=HOME, limits=WireLimits(connections_max=1), certificate=ClientCertificate())
            await leased(client)
        with pytest.raises(BadSetting, match="certificate_file"):
            lost = ClientCertificate(certificate_file=Path("/nowhere.pem"))
            await client.renew("https://localhost", region=HOME, limits=WireLimits(), certificate=lost)
        await asyncio.to_thread(upload, origin, public_id="news")
        assert (await asking).entries
        await leased(client)


def lease_request(**changes: Any) -> LeaseRequest:
    plain: dict[str, Any] = {
        "node": "a" * 32,
        "boot": "b" * 32,
        "region": HOME,
        "authorities": (HOST,),
        "heads": {},
    }
    return LeaseRequest(**{**plain, **changes})


_nonces: dict[tuple[str, str], int] = {}
"""What the origin of this module told each boot last."""


async def leased(wire: WireClient, **changes: Any) -> LeaseAnswer:
    request = lease_request(**changes)
    boot = request.node, request.boot
    answer = await wire.lease(msgspec.structs.replace(request, nonce=_nonces.get(boot, 0)))
    _nonces[boot] = answer.nonce
    return answer


def upload(origin: OriginProcess, **options: Any) -> dict[str, Any]:
    body = picture()
    return dict(origin.sdk().uploader.upload(io.BytesIO(body), **options)) | {"body": body}


def asked(*names: str, **changes: Any) -> ResolveRequest:
    plain: dict[str, Any] = {
        "cloud": "demo",
        "resource_type": "image",
        "delivery_type": "upload",
        "public_ids": names,
        "transformed": True,
        "region": HOME,
    }
    return ResolveRequest(**{**plain, **changes})


async def test_a_name_is_resolved_and_the_original_opened_with_the_released_key(
    origin: OriginProcess, wire: WireClient
) -> None:
    name = secrets.token_hex(6)
    answer = upload(origin, public_id=name)
    found = await wire.resolve(permit(Activity.METADATA), asked(f"missing-{name}", name))
    resolved = found.resolved
    assert resolved is not None
    assert (resolved.index, resolved.aid, resolved.asset_id) == (1, answer["version_id"], answer["asset_id"])
    assert (resolved.facts.md5, resolved.facts.width) == (answer["etag"], 320)
    assert resolved.original_key is not None
    async with wire.blob(permit(Activity.TRANSFORM), resolved.aid) as blob:
        assert blob.sequence >= answer["domicile"]["sequence"]
        whole = await blob.read(10_000_000)
    assert answer["body"][:50_000] not in whole
    async with wire.blob(permit(Activity.TRANSFORM), resolved.aid, start=100, end=70_000) as blob:
        assert await blob.read(10_000_000) == whole[100:70_000]
    context = sealed.SealContext.original(tenant="demo", aid=resolved.aid, region=HOME)
    assert sealed.open_sealed(resolved.original_key, context, whole)[1] == answer["body"]


async def test_what_does_not_exist_is_absent_with_its_hashes(wire: WireClient) -> None:
    (tenant,) = (await leased(wire)).tenants
    found = await wire.resolve(permit(Activity.METADATA), asked("nobody"))
    assert found.absent is not None
    name = AssetName(cloud="demo", resource_type="image", delivery_type="upload", public_id="nobody")
    assert found.absent.names == (name_hash(tenant.name_key, "name", name.text),)
    with pytest.raises(errors.AssetNotFound):
        async with wire.blob(permit(Activity.TRANSFORM), "0" * 32):  # type: ignore[arg-type]
            pass


async def test_a_region_that_was_not_proved_or_not_allowed_gets_nothing(origin: OriginProcess) -> None:
    async with WireClient.open(f"unix:{origin.socket}", region="us-east") as abroad:
        with pytest.raises(errors.OutsideRegion):
            await abroad.lease(lease_request())  # header and message disagree
        leased = await abroad.lease(lease_request(region="us-east", node="c" * 32))
        assert leased.tenants == ()
        assert list(leased.refused) == ["demo"]
        with pytest.raises(errors.OutsideRegion):
            await abroad.resolve(permit(Activity.METADATA), asked("sample", region="us-east"))
        with pytest.raises(errors.OutsideRegion):
            await abroad.resolve(permit(Activity.METADATA), asked("sample"))


async def test_the_journal_wakes_a_reader_and_is_a_chain(origin: OriginProcess, wire: WireClient) -> None:
    name = secrets.token_hex(6)
    upload(origin, public_id=name)
    head = (await leased(wire)).tenants[0].head
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wire.journal({"demo": head}, wait_seconds=20))
        await asyncio.sleep(0.3)
        destroyed = group.create_task(asyncio.to_thread(origin.sdk().uploader.destroy, name))
    assert time.monotonic() - started < 10
    assert destroyed.result()["result"] == "ok"
    entries = waiting.result().entries
    assert entries
    for entry in entries:
        assert follows(head, entry)
        head = Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)
    assert entries[0].kind in {Kind.ERASE, Kind.ASSET}
    assert (await wire.journal({"demo": head}, wait_seconds=0)).entries == ()


async def test_what_an_edge_made_is_listed_as_derived(origin: OriginProcess, wire: WireClient) -> None:
    name = secrets.token_hex(6)
    answer = upload(origin, public_id=name)
    found = (await wire.resolve(permit(Activity.METADATA), asked(name))).resolved
    assert found is not None
    made = Rendition(
        tenant="demo", aid=found.aid, sequence=found.sequence, transformation="c_scale,w_9", format="png",
        width=9, height=6, body_bytes=77,
    )  # fmt: skip
    await wire.renditions(permit(Activity.METADATA), RenditionReport(node="a" * 32, renditions=(made,)))
    (row,) = origin.sdk().api.resource(name)["derived"]
    assert (row["transformation"], row["width"], row["bytes"]) == ("c_scale,w_9", 9, 77)
    assert row["url"].endswith(f"/image/upload/c_scale,w_9/v{answer['version']}/{name}.png")


def operate(
    origin: OriginProcess, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    return over_unix(
        origin.admin_socket, method, path, json.dumps(body or {}).encode(), {"Content-Type": "application/json"}
    )


def over_unix(path: Path, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request(method, url, body=body, headers=headers)
        response = connection.getresponse()
        raw = response.read()
        decoded = (
            msgspec.msgpack.decode(raw) if "msgpack" in response.headers.get("Content-Type", "") else json.loads(raw)
        )
        return response.status, decoded
    finally:
        connection.close()


@pytest.fixture
def key(origin: OriginProcess) -> SigningKey:
    made = new_key(f"k{secrets.token_hex(6)}")
    registered = {"cloud": "demo", "keyid": made.key_id, "public_key": made.public_base64}
    assert operate(origin, "POST", "/_admin/v1/keys", registered)[0] == 200
    return made


def relayed(
    key: SigningKey, targets: list[dict[str, Any]], *, purge_id: str | None = None, **changes: Any
) -> PurgeRelay:
    body = json.dumps({"purge_id": purge_id or secrets.token_hex(8), "targets": targets}).encode()
    region, authority = changes.get("signed_region", HOME), changes.get("authority", HOST)
    headers = sign_purge(
        key, body, authority=authority, region=region, created=int(time.time()), nonce=secrets.token_bytes(18)
    )
    return PurgeRelay(
        node=changes.get("node", "a" * 32),
        region=HOME,
        method="POST",
        authority=authority,
        path=PURGE_PATH,
        query="",
        headers=(("host", authority), *((name.lower(), value) for name, value in headers.items())),
        body=body,
    )


def told(answer: Relayed) -> dict[str, Any]:
    return dict(json.loads(answer.body))


async def test_a_signed_purge_is_a_journal_entry(origin: OriginProcess, wire: WireClient, key: SigningKey) -> None:
    name = secrets.token_hex(6)
    answer = upload(origin, public_id=name)
    head = (await leased(wire)).tenants[0].head
    await leased(wire, release=True)  # serves nothing: the purge need not wait for it
    relay = relayed(key, [{"public_id": name}])
    done = await wire.purge(relay)
    assert done.status == 200, done.body
    assert (told(done)["state"], told(done)["assets"], told(done)["sequence"]) == ("fenced", 1, head.seq + 1)
    (entry,) = (await wire.journal({"demo": head}, wait_seconds=0)).entries
    fence = Fence(applied=head.seq)
    fence.apply(entry)
    assert not fence.fresh(head.seq, [answer["version_id"]])
    assert fence.fresh(entry.seq, [answer["version_id"]])
    assert name not in repr(entry)

    replay = await wire.purge(relay)
    assert (replay.status, told(replay)["error"]) == (409, "replay")
    retry = relayed(key, [{"public_id": name}], purge_id=json.loads(relay.body)["purge_id"])
    again = await wire.purge(retry)
    assert (again.status, told(again)["sequence"], told(again)["repeated"]) == (200, head.seq + 1, True)
    other = relayed(key, [{"tag": "x"}], purge_id=json.loads(relay.body)["purge_id"])
    assert (await wire.purge(other)).status == 400


async def test_a_purge_that_waits_for_an_edge_says_so(origin: OriginProcess, wire: WireClient, key: SigningKey) -> None:
    upload(origin, public_id=secrets.token_hex(6))
    await leased(wire, node="d" * 32, boot="d" * 32)
    done = await wire.purge(relayed(key, [{"everything": True}], node="d" * 32))
    assert (done.status, told(done)["state"], told(done)["everything"]) == (200, "pending", True)
    assert told(done)["edges"]["waiting"] == 1
    assert told(done)["seconds_left_max"] > 0
    await leased(wire, node="d" * 32, boot="d" * 32, release=True)


async def test_purges_that_are_not_proved_not_ours_or_not_allowed(
    origin: OriginProcess, wire: WireClient, key: SigningKey
) -> None:
    await leased(wire, release=True)
    target = [{"public_id": "sample"}]
    good = relayed(key, target)
    unsigned = msgspec.structs.replace(good, headers=())
    forged = msgspec.structs.replace(good, body=good.body + b" ")
    for relay in (unsigned, forged, relayed(new_key("nobody"), target)):
        answer = await wire.purge(relay)
        assert (answer.status, told(answer)) == (401, {"error": "signature"})
    assert (await wire.purge(relayed(key, target, signed_region="us-east"))).status == 421
    assert (await wire.purge(relayed(key, target, authority="other.example"))).status == 421
    assert (await wire.purge(relayed(key, target, node="e" * 32))).status == 503
    assert (await wire.purge(relayed(key, [{"nothing": 1}]))).status == 400
    narrow = new_key(f"n{secrets.token_hex(6)}")
    registered = {"cloud": "demo", "keyid": narrow.key_id, "public_key": narrow.public_base64, "operations": "url"}
    assert operate(origin, "POST", "/_admin/v1/keys", registered)[0] == 200
    assert (await wire.purge(relayed(narrow, target))).status == 403
    assert operate(origin, "POST", "/_admin/v1/keys/revoke", {"keyid": narrow.key_id}) == (200, {"revoked": True})
    assert (await wire.purge(relayed(narrow, target))).status == 401
    page = origin.request("GET", "/metrics").body.decode()
    assert origin.request("GET", "/metrics", headers={"Via": "1.1 proxy"}).status == 404
    assert 'domicile_origin_purges_total{outcome="scope"} 1.0' in page
    assert 'domicile_origin_purges_total{outcome="digest"} 1.0' in page


def test_the_wire_refuses_what_it_does_not_know(origin: OriginProcess) -> None:
    good = {"Domicile-Wire": "1", "Domicile-Region": HOME, "Content-Type": "application/msgpack"}
    lease = msgspec.msgpack.encode(lease_request())
    for headers, body, path, status in (
        ({**good, "Domicile-Wire": "2"}, lease, "lease", 400),
        ({**good, "Domicile-Region": ""}, lease, "lease", 451),
        (good, b"garbage", "lease", 400),
        (good, b"x" * 5_000_000, "lease", 400),
        (good, b"", "nothing", 400),
        (good, msgspec.msgpack.encode(asked(*map(str, range(17)))), "resolve", 400),
        (good, msgspec.msgpack.encode(asked("x", signature="AAAAAAAA")), "resolve", 400),
    ):
        assert over_unix(origin.socket, "POST", f"/_origin/v1/{path}", body, headers)[0] == status, path
    assert "Traceback" not in origin.log.read_text()


def test_the_operator_makes_clouds(origin: OriginProcess) -> None:
    cloud = f"c-{secrets.token_hex(4)}"
    status, made = operate(origin, "POST", "/_admin/v1/tenants", {"cloud": cloud})
    assert (status, made["cloud"]) == (200, cloud)
    secret = made["cloudinary_url"].split(":")[2].split("@")[0]
    headers = {"Authorization": "Basic " + base64.b64encode(f"{made['api_key']}:{secret}".encode()).decode()}
    assert origin.request("GET", f"/v1_1/{cloud}/ping", headers).status == 200
    assert origin.request("GET", "/v1_1/demo/ping", headers).status == 401
    assert operate(origin, "POST", "/_admin/v1/tenants", {"cloud": cloud})[0] == 409
    assert operate(origin, "POST", "/_admin/v1/tenants", {"cloud": "No Good"})[0] == 400
    assert cloud in operate(origin, "GET", "/_admin/v1/tenants")[1]["clouds"]
    assert operate(origin, "POST", "/_admin/v1/policies") == (200, {"changed": []})
    assert secret not in origin.log.read_text()


def test_the_digest_of_the_sample_is_the_bundled_one(origin: OriginProcess) -> None:
    from origin.samples import sample_photo

    assert origin.sdk().api.resource("sample")["etag"] == hashlib.md5(sample_photo()).hexdigest()

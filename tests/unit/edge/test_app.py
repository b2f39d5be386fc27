"""The front door over real sockets: routes, methods, hosts, errors, connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from domicile.media.wire import WireError
from domicile.service.settings import BadSetting, load
from edge.app import PURGE_PATH, SERVICE_PATHS
from edge.counters import totals
from edge.delivery_settings import DeliverySettings
from edge.settings import EdgeSettings
from edge.store.port import Stored, tenant_tag
from tests.infra.server_timing import parse_server_timing
from tests.unit.edge.rig import Rig, grant, policy

PATH = "/demo/image/upload/w_10/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


async def raw(rig: Rig, sent: bytes, *, until_closed: bool = False) -> bytes:
    """What comes back for these very bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(sent)
    try:
        if until_closed:
            return await asyncio.wait_for(reader.read(), 5)
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    finally:
        writer.close()


def requests(rig: Rig, **labels: str) -> float:
    points = [point for point in totals([rig.link.slot.counters]) if point.name == "requests"]
    return sum(point.value for point in points if labels.items() <= point.labels.items())


async def test_no_response_says_what_runs_here(rig: Rig) -> None:
    for path in (PATH, "/healthz", "/nobody/x.png", "/"):
        assert "Server" not in (await rig.get(path)).headers
    assert b"Server:" not in await raw(rig, b"NONSENSE\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PURGE"])
async def test_other_methods_are_told_which_are_allowed(rig: Rig, method: str) -> None:
    reply = await rig.request(method, PATH)
    assert (reply.status, reply.headers["Allow"], reply.body) == (405, "GET, HEAD, OPTIONS", b"")
    assert rig.origin.resolves == 0


async def test_a_browser_may_ask_first(rig: Rig) -> None:
    reply = await rig.request("OPTIONS", PATH)
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert rig.origin.resolves == 0


async def test_head_says_what_get_would_and_fills_the_cache(rig: Rig) -> None:
    head = await rig.request("HEAD", PATH)
    got = await rig.get(PATH)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert got.cache == "hit"


async def test_range_and_validators_over_the_wire(rig: Rig) -> None:
    whole = await rig.get(PATH)
    part = await rig.get(PATH, Range="bytes=1-3")
    assert (part.status, part.body) == (206, whole.body[1:4])
    beyond = await rig.get(PATH, Range="bytes=999-")
    assert (beyond.status, beyond.headers["CDN-Cache-Control"]) == (416, "no-store")
    assert "no-store" in beyond.headers["Cache-Control"]
    same = await rig.get(PATH, If_None_Match=whole.headers["ETag"])
    assert (same.status, same.body) == (304, b"")
    assert "Server-Timing" in same.headers


async def test_service_routes(rig: Rig) -> None:
    rig.link.listening()
    assert (await rig.get("/healthz")).body == b'{"status":"alive"}'
    assert (await rig.get("/readyz")).status == 200
    assert b"domicile_edge_flights" in (await rig.get("/metrics")).body
    assert (await rig.request("HEAD", "/metrics")).body == b""
    passed_on = await rig.get("/metrics", X_Forwarded_For="192.0.2.1")
    assert (passed_on.status, passed_on.body, passed_on.headers["Cache-Control"]) == (404, b"", "no-store")
    rig.link.lease(-1)
    not_ready = await rig.get("/readyz")
    assert (not_ready.status, not_ready.headers["Retry-After"]) == (503, "1")
    assert (await rig.get("/healthz")).status == 200


async def test_the_purge_route_takes_post_alone(rig: Rig) -> None:
    assert (await rig.get("/_edge/v1/purge")).status == 405
    assert (await rig.request("POST", "/_edge/v1/purge")).status == 503  # as the played door answers


async def test_a_host_that_is_not_ours_is_refused_before_its_path_is_looked_at(tmp_path: Path) -> None:
    delivery = DeliverySettings(hosts=("Media.Example", "[::1]"))
    async with Rig.open(tmp_path, delivery=delivery) as rig:
        rig.origin.upload("pic", b"one")
        for host, status in [
            ("media.example", 200), ("MEDIA.example:8080", 200), ("[::1]:80", 200), ("media.example.", 200), ("evil.example", 421), ("media.example.evil", 421),
        ]:  # fmt: skip
            assert (await rig.get(PATH, Host=host)).status == status
        assert (await rig.get("/../etc/passwd%00", Host="evil.example")).status == 421


OWN = "/image/upload/w_10/pic.png"


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("own.example:8080", OWN, 200),
        ("OWN.example", "/demo" + OWN, 200),
        ("own.example", "/iu/w_10/pic.png", 200),
        ("own.example", "/res/demo" + OWN, 200),
        ("theirs.example", "/demo" + OWN, 404),
        ("theirs.example", "/res/demo" + OWN, 404),
        ("theirs.example.", "/demo" + OWN, 404),
        ("own.example.:8080", OWN, 200),
        ("media.example", "/demo" + OWN, 200),
        ("media.example", OWN, 404),
        ("evil.example", OWN, 421),
    ],
)
async def test_a_host_of_one_cloud_serves_that_one_and_no_other(
    tmp_path: Path, host: str, path: str, status: int
) -> None:
    """From cold, and when it is hot: the same path may mean another picture on another host."""
    private = ("own.example=demo", "theirs.example=theirs")
    async with Rig.open(tmp_path, delivery=DeliverySettings(hosts=("media.example",), private_hosts=private)) as rig:
        rig.origin.upload("pic", b"one")
        assert (await rig.get(path, Host=host)).status == status
        for _ in range(3):
            assert (await rig.get("/demo" + OWN, Host="media.example")).status == 200
        assert len(rig.parts.app.hot) == 1
        answers = rig.parts.app.hot.answers
        assert (await rig.get(path, Host=host)).status == status
        assert (rig.parts.app.hot.answers == answers + 1) == (
            status == 200 and "/iu" not in path and "/res" not in path
        )


@pytest.mark.parametrize("private", ["own.example", "own.example=Demo", "own.example:80=demo", "x=image", "=demo"])
def test_a_private_host_that_cannot_be_one_is_refused_at_the_start(private: str) -> None:
    environ = {"DOMICILE_EDGE_DELIVERY_PRIVATE_HOSTS": private}
    with pytest.raises(BadSetting, match="private_hosts"):
        load(EdgeSettings, "edge", environ=environ)


async def test_a_foreign_host_is_refused_on_every_route(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(hosts=("media.example",))) as rig:
        for method, path in [("POST", PURGE_PATH), *(("GET", path) for path in sorted(SERVICE_PATHS))]:
            assert (await rig.request(method, path, Host="evil.example")).status == 421
            assert (await rig.request(method, path, Host="media.example")).status != 421


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH), ("HEAD", PATH), ("OPTIONS", PATH), ("POST", PATH), ("GET", "/demo/image/upload/none.png"),
        ("GET", "/x"), ("POST", PURGE_PATH), ("GET", PURGE_PATH), ("GET", "/healthz"), ("HEAD", "/healthz"),
        ("GET", "/readyz"), ("GET", "/metrics"),
    ],
)  # fmt: skip
async def test_every_response_tells_its_timing_and_is_taken_for_what_it_says_it_is(
    rig: Rig, method: str, path: str
) -> None:
    headers = (await rig.request(method, path)).headers
    assert headers.getall("X-Content-Type-Options") == ["nosniff"]
    (timing,) = headers.getall("Server-Timing")
    assert {metric.name for metric in parse_server_timing(timing)} >= {"cache", "region"}


async def test_more_media_requests_than_a_worker_takes_are_told_to_come_again(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(requests_max=2)) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.gate.close()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(rig.get(PATH)) for _ in range(2)]
            async with asyncio.timeout(5):
                while rig.parts.app.in_progress.count < 2:
                    await asyncio.sleep(0.01)
            refused = await rig.get(PATH)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert (await rig.get("/healthz")).status == 200
            rig.pool.gate.open()
        assert {reply.result().status for reply in waiting} == {200}
        assert (await rig.get(PATH)).status == 200


async def test_cache_status_tells_a_copy_too_old_and_a_name_known_not_to_exist_from_a_miss(rig: Rig) -> None:
    grant(rig.link, policy(lifetimes={"edge_seconds_max": 1}))
    assert (await rig.get(PATH)).cache == "fwd=uri-miss"
    memory = rig.parts.tiers.lookup.memory
    (key,) = memory
    held = memory.get(key)
    assert held is not None
    memory.put(key, Stored(head=msgspec.structs.replace(held.head, stored_at=1.0), body=held.body))
    disk = rig.parts.tiers.lookup.disk
    assert disk is not None
    async with asyncio.timeout(5):
        while not len(disk):  # a small object is answered with before it is on disk
            await asyncio.sleep(0.01)
    disk.drop_stale((tenant_tag("demo"),), lambda _: False)
    assert (await rig.get(PATH)).headers["Cache-Status"].startswith("Domicile; fwd=stale; fwd-status=200; stored")
    absent = "/demo/image/upload/v1/none.png"
    assert (await rig.get(absent)).headers["Cache-Status"] == "Domicile; fwd=uri-miss; fwd-status=404"
    assert (await rig.get(absent)).headers["Cache-Status"] == "Domicile; hit; detail=negative"
    assert (await rig.get("/x")).headers["Cache-Status"] == "Domicile; fwd=bypass"


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/demo/image/upload/pic.png", "/demo/image/upload/../pic.png", "/demo/image/upload/%2e%2e/pic.png",
        "/demo/image/upload//pic.png", "/demo/image/upload/pic%00.png", "/demo/image/upload/a%2fb.png", "/demo/image/upload/" + "x" * 5000,
        "/demo/image/upload/%ff.png", "*",
    ],
)  # fmt: skip
async def test_a_path_that_could_mean_two_things_is_a_400(rig: Rig, target: str) -> None:
    reply = await raw(rig, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"no-store" in reply
    assert rig.origin.resolves == 0


@pytest.mark.parametrize(
    "field", [b"Cookie: __cld_token__=exp=9999999999~acl=\xff~hmac=" + b"0" * 64, b"Accept: image/\xff"]
)
async def test_a_field_that_is_no_text_changes_nothing(rig: Rig, field: bytes) -> None:
    reply = await raw(rig, b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n\x00\x01", b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_gets_an_empty_400_and_no_traceback(
    rig: Rig, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = await raw(rig, sent, until_closed=True)
    assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")) or reply == b""
    assert "Traceback" not in "".join(capfd.readouterr())
    assert (await rig.get(PATH)).status == 200


async def test_an_error_of_a_tenants_path_allows_its_pages_to_read_the_timing(rig: Rig) -> None:
    grant(rig.link, policy(timing_allow_origin=["https://page.example"]))
    assert (await rig.get("/demo/image/upload/v1/none.png")).headers["Timing-Allow-Origin"] == "https://page.example"
    assert "Timing-Allow-Origin" not in (await rig.get("/nobody/x.png")).headers


async def test_a_download_has_a_name(rig: Rig) -> None:
    plain = await rig.get("/demo/image/upload/fl_attachment/v1/pic.png")
    assert plain.headers["Content-Disposition"] == 'attachment; filename="pic.png"'
    named = await rig.get("/demo/image/upload/fl_attachment:holiday/v1/pic.png")
    assert named.headers["Content-Disposition"] == 'attachment; filename="holiday.png"'


async def test_responses_are_counted_by_route_and_tier(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.get(PATH)
    await rig.get("/demo/image/upload/v1/none.png")
    await rig.get("/demo/image/upload/v1/none.png")
    await rig.get("/healthz")
    await asyncio.sleep(0.01)
    assert requests(rig, route="delivery", cache="miss", status="2xx") == 1
    assert requests(rig, route="delivery", cache="memory", status="2xx") == 1
    assert requests(rig, route="delivery", cache="none", status="4xx") == 1
    assert requests(rig, route="delivery", cache="negative", status="4xx") == 1
    assert requests(rig, route="service") == 1


async def test_a_viewer_that_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(progress_seconds_max=0.3)) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.padding = 16 * 1024 * 1024
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1024)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        while len(rig.parts.app.responses) == 0:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            while len(rig.parts.app.responses):
                await asyncio.sleep(0.01)
        with pytest.raises(ConnectionResetError):
            while await asyncio.wait_for(reader.read(1 << 20), 5):
                pass
        writer.close()


async def test_a_connection_too_many_is_closed_and_the_others_live(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(connections_max=2)) as rig:
        rig.origin.upload("pic", b"one")
        kept = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(2)]
        for reader, writer in kept:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
        for _, one in kept:
            one.close()
        await asyncio.sleep(0.05)
        assert (await rig.get(PATH)).status == 200


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(keepalive_seconds=0.2)) as rig:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_requests_behind_one_another_on_one_connection_are_answered_in_order(rig: Rig) -> None:
    one = f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    got = await raw(rig, one * 5 + last, until_closed=True)
    assert got.count(b"HTTP/1.1 200 ") == 6
    assert got.count(b"one|w_10|") == 6


async def test_an_origin_that_is_away_is_told_once_and_not_per_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.origin.upload("pic", b"bytes")
    monkeypatch.setattr(rig.origin, "_answer", lambda _: WireError(code="upstream_unavailable", message="no"))
    statuses = {(await rig.get(f"/demo/image/upload/w_{width}/pic.png")).status for width in range(10, 30)}
    assert statuses == {503}
    told = capsys.readouterr()  # on either: another test may have set up the log
    lines = [line for line in (told.out + told.err).splitlines() if "origin_failed" in line]
    assert len(lines) == 1
    assert "UpstreamUnavailable" in lines[0]

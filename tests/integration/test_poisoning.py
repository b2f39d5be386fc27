"""Cache poisoning and deception: whatever one viewer sends besides the URL, the next one gets what anybody would have got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.cache.forward import ROUTING
from tests.infra.assets import Cached, Seen, cached, response
from tests.unit.edge.rig import Got, Rig

UP = "/demo/image/upload"
EVIL = "evil.example"
UNKEYED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(ROUTING), (EVIL, "/evil", "DELETE")),
    "x-forwarded-anything": (EVIL,),
    "x_forwarded_host": (EVIL,),
    "range": ("bytes=0-0", "bytes=-1", "bytes=999999-", "bytes=0-0,2-2", "evil=0-1"),
    "if-range": ('"evil"',),
    "if-none-match": ("*", '"evil"'),
    "if-modified-since": ("Tue, 01 Jan 2030 00:00:00 GMT",),
    "accept": ("evil/evil", "image/avif,image/webp", "text/css", "*/*;q=0"),
    "accept-encoding": ("evil", "gzip;q=0, identity;q=0"),
    "accept-language": ("evil",),
    "authorization": ("Basic ZXZpbDpldmls", "Bearer evil"),
    "cookie": ("evil=1",),
    "origin": ("https://evil.example",),
    "referer": ("https://evil.example/",),
    "user-agent": ("evil",),
    "dpr": ("9",),
    "width": ("9999",),
    "viewport-width": ("9999",),
    "save-data": ("on",),
    "cache-control": ("no-store", "only-if-cached", "max-age=0"),
    "pragma": ("no-cache",),
    "surrogate-key": ("evil",),
    "cdn-cache-control": ("max-age=999999",),
    "x-evil": ("e" * 7000, "\x01"),
}

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path / "node") as opened:
        opened.origin.upload("dir/pic", b"one")
        yield opened


@pytest.fixture
async def assets(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path / "assets") as opened:
        yield opened


def lasting(got: Got) -> list[tuple[str, str]]:
    """The fields of an answer that say nothing of the time or of its making."""
    passing = {"date", "server-timing", "cache-status", "cache-control", "cdn-cache-control", "surrogate-control"}
    return sorted((name.lower(), value) for name, value in got.headers.items() if name.lower() not in passing)


async def test_what_a_viewer_sends_besides_the_url_changes_nothing_for_the_next(rig: Rig) -> None:
    wrong, clean, firsts = {}, lasting(await rig.get(f"{UP}/w_10/dir/pic.png")), set()
    for number, (name, values) in enumerate(UNKEYED.items()):
        for variant, value in enumerate(values):
            path, made = f"{UP}/w_{20 + 10 * number + variant}/dir/pic.png", rig.pool.renders
            try:
                firsts.add((await rig.get(path, **{name: value})).status)
            except ValueError:  # the client does not send it
                continue
            got = await rig.get(path)
            same = [(key, text) for key, text in lasting(got) if key not in {"etag", "content-length"}]
            meant = [(key, text) for key, text in clean if key not in {"etag", "content-length"}]
            width = path.split("/")[4]
            if (
                got.status != 200
                or got.body != f"one|{width}|".encode()
                or same != meant
                or rig.pool.renders > made + 1
            ):
                wrong[name, value[:20]] = (got.status, got.body)
    assert wrong == {}
    assert firsts == {200, 206, 304, 416}  # what was sent made a difference to who sent it


async def test_a_format_that_is_asked_for_by_accept_is_kept_for_those_who_ask_alike(rig: Rig) -> None:
    """However many kinds of Accept there are, an object has few copies."""
    path, made = f"{UP}/f_auto/dir/pic", rig.pool.renders
    accepts = ["image/avif", "image/webp", "*/*", "text/css"]
    accepts += [f"image/webp,image/x-{number};q=0.{number}" for number in range(1, 9)]
    for accept in accepts:
        got = await rig.get(path, Accept=accept)
        assert (got.status, "Accept" in got.headers["Vary"]) == (200, True)
    assert rig.pool.renders - made <= 4


@pytest.mark.parametrize(
    "target",
    [
        "/healthz/x.css", "/healthz;x.css", "/healthz%0a.css", "/healthz%00.css", "/healthz%2fx.css", "/healthz.css", "/metrics/x.css",
        "/metrics%3fx.css", "/readyz/..%2fx.css", "/_edge/v1/purge/x.css", "/_edge/v1/purge%2ecss",
    ],
)  # fmt: skip
async def test_nothing_behind_a_service_route_is_that_route_or_may_be_kept(rig: Rig, target: str) -> None:
    got = await rig.get(target)
    assert (got.status in {400, 404}, got.body) == (True, b"")
    assert "no-store" in got.headers["Cache-Control"]


async def test_a_service_route_may_not_be_kept_whatever_its_query_looks_like(rig: Rig) -> None:
    for path in ("/healthz?x.css", "/readyz?.png", "/metrics?a/b.js"):
        assert "no-store" in (await rig.get(path)).headers["Cache-Control"]


async def test_the_passthrough_stores_nothing_that_routing_fields_could_have_changed(assets: Cached) -> None:
    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        said = " ".join(f"{name}={value}" for name, value in sorted(seen.fields.items()))
        writer.write(response(f"{seen.method} {said}".encode("latin-1"), cache_control="max-age=60"))

    assets.origin.script = script
    fields = sorted({*ROUTING, "x-forwarded-anything", "x_forwarded_host", "X_Original_URL"})
    for number, name in enumerate(fields):
        viewer = await assets.viewer()
        viewer.writer.write(f"GET /{number} HTTP/1.1\r\nHost: {EVIL}\r\n{name}: {EVIL}\r\n\r\n".encode())
        await viewer.answer()
        viewer.close()
        got = await assets.get(f"/{number}")
        assert got.cache.startswith("hit")
        assert EVIL not in got.body.decode("latin-1"), name


async def test_a_part_a_head_or_a_condition_is_never_stored_as_the_whole(assets: Cached) -> None:
    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        fresh = {"cache_control": "max-age=60", "etag": '"1"'}
        if "range" in seen.fields:
            writer.write(response(b"w", "206 Partial Content", content_range="bytes 0-0/5", **fresh))
        elif "if-none-match" in seen.fields:
            writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=60\r\n\r\n')
        elif seen.method == "HEAD":
            writer.write(response(b"", **fresh).replace(b"Content-Length: 0", b"Content-Length: 5"))
        else:
            writer.write(response(b"whole", **fresh))

    assets.origin.script = script
    await assets.get("/range", Range="bytes=0-0")
    await assets.get("/condition", If_None_Match='"1"')
    await assets.get("/head", "HEAD")
    for path in ("/range", "/condition", "/head"):
        got = await assets.get(path)
        assert (got.status, got.body) == (200, b"whole")
        again = await assets.get(path, Range="bytes=1-2")
        assert (again.status, again.body) == (206, b"ho")


async def test_an_error_that_one_request_made_is_not_for_others(assets: Cached) -> None:
    """CPDoS: a head that the origin cannot take is answered by an error; nobody else gets that."""

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if len(seen.fields.get("x-long", "")) > 100 or "\x07" in seen.fields.get("x-odd", ""):
            writer.write(response(b"too much", "400 Bad Request"))
        else:
            writer.write(response(b"fine", cache_control="max-age=60"))

    assets.origin.script = script
    assert (await assets.get("/long", X_Long="x" * 5000)).status == 400
    assert (await assets.get("/long")).body == b"fine"
    assert (await assets.get("/odd", X_Odd="\x07")).status == 400
    assert (await assets.get("/odd")).body == b"fine"

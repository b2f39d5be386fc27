"""A real Varnish and a real nginx in front of a worker, with the configurations that we give to others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from domicile.service.settings import Secret
from edge.cdn_settings import CdnSettings
from tests.infra.cdn import SECRET, nginx, varnish
from tests.unit.edge.rig import Got, Rig, policy

PATH = "/demo/image/upload/w_10/people/pic.png"
WAIT_SECONDS_MAX = 10.0


@asynccontextmanager
async def edge(directory: Path, kind: str) -> AsyncIterator[Rig]:
    async with Rig.open(directory, cdn=CdnSettings(kind=kind, secret=Secret(SECRET), others="refuse")) as rig:
        rig.origin.upload("people/pic", b"one")
        yield rig


async def ask(rig: Rig, port: int, path: str = PATH, *, method: str = "GET", **headers: str) -> Got:
    url = URL(f"http://127.0.0.1:{port}{path}", encoded=True)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with rig.http.request(method, url, headers=sent, allow_redirects=False) as response:
        return Got(response.status, response.headers.copy(), await response.read())


async def tags(rig: Rig, path: str = PATH) -> str:
    """As the CDN is told them; viewers are not."""
    return str((await rig.get(path, Domicile_CDN_Secret=SECRET)).headers["xkey"])


async def purge(rig: Rig, port: int, tag: str) -> str:
    got = await ask(rig, port, "/", method="PURGE", xkey=tag)
    assert got.status == 200
    return str(got.headers.get("X-Cache", ""))


@pytest.fixture
async def behind_varnish(tmp_path: Path) -> AsyncIterator[tuple[Rig, int]]:
    async with edge(tmp_path, "varnish") as rig:
        with ExitStack() as held:
            yield rig, await asyncio.to_thread(held.enter_context, varnish(rig.port))


async def test_varnish_keeps_a_picture_until_it_is_purged_here_and_there_by_an_opaque_tag(
    behind_varnish: tuple[Rig, int],
) -> None:
    rig, port = behind_varnish
    seen = [await ask(rig, port, path) for path in (PATH, PATH, PATH + "?_a=x")]
    assert [got.headers["X-Cache"] for got in seen] == ["MISS", "HIT", "HIT"]
    assert [(await ask(rig, port, "/metrics")).status, (await rig.get("/metrics")).status] == [404, 200]
    assert (await rig.get("/metrics", Domicile_CDN_Secret=SECRET)).status == 404
    assert {got.status for got in seen} == {200}
    assert not {"xkey", "Surrogate-Control"} & set(seen[1].headers)
    assert (await rig.get(PATH)).status == 403  # past the CDN

    negotiated = [
        await ask(rig, port, PATH.replace("w_10", "f_auto"), Accept=a) for a in ("image/webp", "*/*", "image/webp")
    ]
    assert [got.headers["X-Cache"] for got in negotiated] == ["MISS", "MISS", "HIT"]
    assert negotiated[0].headers["Content-Type"] != negotiated[1].headers["Content-Type"]

    for tag in (await tags(rig)).split():  # its cloud, its aid, its name, its folder: each of them takes it along
        assert (await ask(rig, port)).headers["X-Cache"] == "HIT"
        await purge(rig, port, tag)
        assert (await ask(rig, port)).headers["X-Cache"] == "MISS"
    await purge(rig, port, "0" * 24)
    assert (await ask(rig, port)).headers["X-Cache"] == "HIT"

    old = await tags(rig)
    new = await rig.overwrite("people/pic", b"two")
    assert (await ask(rig, port)).body.startswith(b"one")  # the CDN has not been told
    await purge(rig, port, old)
    assert (await ask(rig, port)).body.startswith(b"two")
    rig.origin.assets.clear()
    held = await tags(rig)
    await rig.entry("erase", aids=(new.aid,))
    await purge(rig, port, held)
    for _ in range(2):
        gone = await ask(rig, port)
        assert (gone.status, gone.headers["X-Cache"]) == (404, "MISS")


async def test_what_varnish_was_being_sent_at_a_purge_it_does_not_keep(behind_varnish: tuple[Rig, int]) -> None:
    rig, port = behind_varnish
    old, small = await tags(rig), PATH.replace("w_10", "w_11")
    rig.pool.gate.close()
    fill = asyncio.create_task(ask(rig, port, small))
    await asyncio.wait_for(rig.pool.gate.reached.wait(), WAIT_SECONDS_MAX)
    await rig.overwrite("people/pic", b"two")
    await purge(rig, port, old)
    rig.pool.gate.open()
    assert (await fill).body.startswith(b"two")
    assert (await ask(rig, port, small)).body.startswith(b"two")

    rig.pool.padding = 4 * 1024 * 1024  # more than all buffers on the way hold
    large = PATH.replace("w_10", "w_20")
    url = URL(f"http://127.0.0.1:{rig.port}{large}", encoded=True)
    async with rig.http.get(url, headers={"Domicile-CDN-Secret": SECRET}) as halted:
        assert (await halted.content.readexactly(3)) == b"two"
        await rig.overwrite("people/pic", b"six")
        with pytest.raises(aiohttp.ClientError):
            await halted.read()  # cut off, and not ended: a cache must not take it for whole
    await purge(rig, port, old)
    assert (await ask(rig, port, large)).body.startswith(b"six")


async def test_nginx_keeps_a_picture_no_longer_than_the_policy_says(tmp_path: Path) -> None:
    async with edge(tmp_path, "nginx") as rig:
        await rig.configure(policy(lifetimes={"shared_seconds_max": 1, "browser_seconds_max": 1}), revision=2)
        with ExitStack() as held:
            port = await asyncio.to_thread(held.enter_context, nginx(rig.port))
            first, second = await ask(rig, port), await ask(rig, port, PATH + "?_a=x")
            assert [got.headers["X-Cache"] for got in (first, second)] == ["MISS", "HIT"]
            webp = await ask(rig, port, PATH.replace("w_10", "f_auto"), Accept="image/webp")
            plain = await ask(rig, port, PATH.replace("w_10", "f_auto"))
            assert webp.headers["Content-Type"] != plain.headers["Content-Type"]
            await rig.overwrite("people/pic", b"two")
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while not (got := await ask(rig, port)).body.startswith(b"two"):
                    assert got.headers["X-Cache"] == "HIT"
                    await asyncio.sleep(0.05)

"""Asking an address as a viewer would: what is read, and what is not followed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_toml
from domicile.media.probe import ACCEPTS, BODY_BYTES_MAX, Answered
from domicile.service.gate import probe
from domicile.service.gate.probe import ProbeClient

POLICY = from_toml('tenant = "acme"', cloud="acme", home="eu-de")
SMALL, LARGE = b"picture", b"x" * (BODY_BYTES_MAX + 1)


@asynccontextmanager
async def answering(asked: list[web.BaseRequest]) -> AsyncIterator[str]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request)
        match request.raw_path:
            case "/small":
                return web.Response(body=SMALL, headers={"ETag": '"e"'})
            case "/large":
                return web.Response(body=LARGE)
            case "/busy":
                return web.Response(status=429, headers={"Retry-After": "70"})
            case "/moved":
                return web.Response(status=302, headers={"Location": "/small"})
            case "/slow":
                await asyncio.sleep(60)
                return web.Response()
            case _:
                return web.Response(status=404)

    server = web.Server(answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await server.shutdown(0.1)


def permit(activity: Activity) -> Permit:
    decided = decide(POLICY, activity, Place(name="origin", region="eu-de"), at=0.0)
    assert isinstance(decided, Permit)
    return decided


async def test_what_comes_is_told_by_status_validator_and_digest_and_a_redirect_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "ANSWER_SECONDS_MAX", 1.0)
    asked: list[web.BaseRequest] = []
    leave = permit(Activity.DELIVER)
    async with answering(asked) as base, ProbeClient.open() as client:

        async def ask(target: str) -> Answered | None:
            return await client.ask(leave, "acme", base, target, {"Range": "bytes=0-9"})

        digest = hashlib.md5(SMALL).hexdigest()
        assert await ask("/small") == Answered(status=200, etag='"e"', md5=digest)
        large = await ask("/large")
        assert large is not None
        assert (large.status, large.md5) == (200, "")
        moved = await ask("/moved")
        assert moved is not None
        assert moved.status == 302
        busy = await ask("/busy")
        assert busy is not None
        assert (busy.status, busy.wait_seconds) == (429, 70.0)
        assert (await ask("/a%2Fb%20c")) == Answered(status=404, md5=hashlib.md5(b"").hexdigest())
        assert await ask("/slow") is None
    assert [one.raw_path for one in asked] == ["/small", "/large", "/moved", "/busy", "/a%2Fb%20c", "/slow"]
    assert {one.headers["Range"] for one in asked} == {"bytes=0-9"}
    assert {one.headers["Accept-Encoding"] for one in asked} == {"identity"}
    assert {one.headers["User-Agent"].partition("/")[0] for one in asked} == {"Mozilla"}  # not told apart from viewers
    assert {one.headers["Accept"] for one in asked} == {ACCEPTS[0]}
    async with ProbeClient.open() as client:
        assert await client.ask(leave, "acme", base, "/small", {}) is None


async def test_nobody_is_asked_without_leave() -> None:
    async with ProbeClient.open() as client:
        with pytest.raises(TypeError):
            await client.ask(permit(Activity.METADATA), "acme", "http://127.0.0.1:1", "/", {})

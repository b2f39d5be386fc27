"""Windows and tokens at the edge: nothing is given out to whom it is not for, from whatever tier, and nothing too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import cloudinary.auth_token
import pytest
from yarl import URL

from domicile.media.access import AccessRule
from domicile.media.journal import Kind
from edge.parts import Outside
from tests.unit.edge.rig import TOKEN_KEY, Rig, hash_of, policy

PATH = "/demo/image/upload/w_10/pic.png"
CLOSED = "/demo/image/authenticated/w_10/pic.png"
TOKEN = AccessRule(access_type="token")


class Clock:
    """The wall clock of the worker."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def window(self, start: float, end: float) -> AccessRule:
        return AccessRule(access_type="anonymous", start=self.now + start, end=self.now + end)

    def token(self, seconds: float = 1000, **options: Any) -> str:
        wanted = {"key": TOKEN_KEY.hex(), "expiration": int(self.now + seconds), "acl": "/demo/image/*", **options}
        made: str = cloudinary.auth_token.generate(**wanted)
        return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tests.unit.edge.rig.Outside", partial(Outside, wall_clock=lambda: clock.now))
    return clock


@pytest.fixture
async def rig(tmp_path: Path, clock: Clock) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.now = lambda: clock.now
        yield opened


def lifetimes(headers: Any) -> set[str]:
    return {headers[name] for name in ("Cache-Control", "CDN-Cache-Control", "Surrogate-Control")}


NO_STORE = {"private, no-store", "no-store"}


async def test_a_window_caps_every_lifetime_and_closes_on_time_wherever_a_copy_lies(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one").rules = (clock.window(-10, 40),)
    first = await rig.get(PATH)
    assert (first.status, first.cache) == (200, "fwd=uri-miss")
    assert "max-age=40, s-maxage=40" in first.headers["Cache-Control"]
    clock.now += 30
    for _ in range(3):
        again = await rig.get(PATH)
        assert (again.status, again.cache) == (200, "hit")
        assert "max-age=10, s-maxage=10" in again.headers["Cache-Control"]
        assert again.headers["CDN-Cache-Control"] == "max-age=10, must-revalidate"
        assert again.headers["Surrogate-Control"] == "max-age=10"
        assert "ttl=10;" in again.headers["Cache-Status"]
    assert rig.parts.app.hot.answers == 0
    clock.now += 9.5
    assert "max-age=0, s-maxage=0" in (await rig.get(PATH)).headers["Cache-Control"]
    clock.now += 0.5
    for method in ("GET", "HEAD"):
        late = await rig.request(method, PATH, If_None_Match=first.headers["ETag"])
        assert (late.status, late.headers["X-Cld-Error"], late.body) == (401, "deny or ACL failure", b"")
        assert lifetimes(late.headers) == NO_STORE
    rig.parts.tiers.lookup.memory.clear()
    assert (await rig.get(PATH)).status == 401  # from disk
    assert rig.pool.renders == 1


async def test_a_window_ends_at_caches_that_reach_nobody_too_whatever_the_policy_declares(
    rig: Rig, clock: Clock
) -> None:
    await rig.configure(policy(declared_non_personal=True), revision=2)
    asset = rig.origin.upload("pic", b"one")
    assert "must-revalidate" not in (await rig.get(PATH)).headers["Cache-Control"]
    asset.rules = (clock.window(-10, 40),)
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    headers = (await rig.get(PATH)).headers
    assert headers["Cache-Control"] == "public, no-transform, max-age=40, s-maxage=40, must-revalidate"
    assert headers["CDN-Cache-Control"] == "max-age=40, must-revalidate"


async def test_a_window_that_is_not_open_yet_opens_by_itself(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one").rules = (clock.window(10, 100),)
    assert (await rig.get(PATH)).status == 401
    clock.now += 10
    assert (await rig.get(PATH)).status == 200


async def test_what_asks_for_a_token_is_given_to_who_shows_one_and_kept_by_nobody_outside(
    rig: Rig, clock: Clock
) -> None:
    rig.origin.upload("pic", b"one").rules = (TOKEN,)
    token = clock.token()
    for _ in range(2):
        opened = await rig.get(f"{PATH}?{token}")
        assert (opened.status, opened.body) == (200, b"one|w_10|")
        assert lifetimes(opened.headers) == NO_STORE
    cookie = await rig.get(PATH, Cookie=f"a=b; {token}")
    assert (cookie.status, cookie.cache, lifetimes(cookie.headers)) == (200, "hit", NO_STORE)
    for path in (
        PATH,
        f"{PATH}?__cld_token__=x",
        f"{PATH}?{clock.token(key='11' * 32)}",
        f"{PATH}?{clock.token(acl='/x/*')}",
    ):
        refused = await rig.get(path)
        assert (refused.status, lifetimes(refused.headers)) == (401, NO_STORE)
    assert (await rig.get(f"{PATH}?{clock.token(ip='127.0.0.1')}")).status == 200
    assert (await rig.get(f"{PATH}?{clock.token(ip='127.0.0.2')}")).status == 401
    assert rig.parts.app.hot.answers == 0
    clock.now += 1000
    assert (await rig.get(f"{PATH}?{token}")).status == 401
    assert rig.pool.renders == 1


async def test_an_open_picture_stays_one_for_everybody_whatever_is_shown(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one")
    for shown in ("", "?__cld_token__=nonsense", f"?{clock.token()}"):
        assert "public" in (await rig.get(PATH + shown)).headers["Cache-Control"]


async def test_new_rules_void_what_was_given_out_under_the_old_ones(rig: Rig, clock: Clock) -> None:
    asset = rig.origin.upload("pic", b"one")
    for _ in range(3):
        assert (await rig.get(PATH)).status == 200
    assert rig.parts.app.hot.answers > 0
    asset.rules = (TOKEN,)
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    assert [(await rig.get(PATH)).status for _ in range(2)] == [401, 401]
    assert (await rig.get(f"{PATH}?{clock.token()}")).status == 200


async def test_a_token_stands_for_a_signature_of_its_type_and_for_nothing_else(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one", delivery_type="authenticated")
    rig.origin.upload("pic", b"two", delivery_type="private")
    rig.origin.upload("pic", b"base")
    assert (await rig.get(CLOSED)).status == 401
    token = clock.token()
    for path in (CLOSED, "/demo/image/private/v1/pic.png"):
        opened = await rig.get(f"{path}?{token}")
        assert (opened.status, lifetimes(opened.headers)) == (200, NO_STORE)
        assert (await rig.get(path)).status == 401  # a stored copy opens nothing
    laid = await rig.get(f"/demo/image/upload/l_authenticated:pic/v1/pic.png?{token}")
    assert laid.status == 401
    asked = [one for one in rig.origin.asked if one.token]
    assert {one.token for one in asked} == {token.partition("=")[2]}
    clock.now += 1000
    assert (await rig.get(f"{CLOSED}?{token}")).status == 401


async def test_a_retired_key_opens_nothing_any_more(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one").rules = (TOKEN,)
    token = clock.token()
    assert (await rig.get(f"{PATH}?{token}")).status == 200
    await rig.link.regrant(policy(), revision=2, token_keys=())
    await rig.entry(Kind.CONFIG)
    assert (await rig.get(f"{PATH}?{token}")).status == 401


async def test_who_shows_no_token_waits_for_nobodys_fill_who_does(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one").rules = (TOKEN,)
    rig.pool.gate.close()
    async with asyncio.TaskGroup() as group:
        tokened = group.create_task(rig.get(f"{PATH}?{clock.token()}"))
        await asyncio.wait_for(rig.pool.gate.reached.wait(), 2)
        refused = await asyncio.wait_for(rig.get(PATH), 2)
        rig.pool.gate.open()
    assert (refused.status, tokened.result().status) == (401, 200)
    assert rig.pool.renders == 1


async def test_the_default_image_and_what_is_laid_over_have_to_be_open_to_everybody(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one")
    rig.origin.upload("logo", b"two").rules = (TOKEN,)
    token = clock.token()
    assert (await rig.get(f"/demo/image/upload/l_logo/v1/pic.png?{token}")).status == 401
    assert (await rig.get(f"/demo/image/upload/d_logo.png/v1/nobody.png?{token}")).status == 401
    rig.origin.assets["upload/logo"].rules = (clock.window(-10, 20), TOKEN)
    await rig.entry(Kind.NAME, names=(hash_of("logo"),))
    for path in ("/demo/image/upload/l_logo/v1/pic.png", "/demo/image/upload/d_logo.png/v1/nobody.png"):
        assert (await rig.get(path)).status == 200
    clock.now += 20
    for path in ("/demo/image/upload/l_logo/v1/pic.png", "/demo/image/upload/d_logo.png/v1/nobody.png"):
        assert (await rig.get(path)).status == 401
        assert (await rig.get(f"{path}?{token}")).status == 401


async def test_a_response_that_is_under_way_is_cut_off_when_its_leave_ends(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one").rules = (clock.window(-10, 20),)
    rig.pool.padding = 20_000_000
    async with rig.http.get(f"http://127.0.0.1:{rig.port}{PATH}") as response:
        assert response.status == 200
        await response.content.readany()
        clock.now += 20
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_what_a_token_let_in_ends_with_it(rig: Rig, clock: Clock) -> None:
    rig.origin.upload("pic", b"one", delivery_type="authenticated")
    rig.pool.padding = 20_000_000
    url = URL(f"http://127.0.0.1:{rig.port}{CLOSED}?{clock.token(20)}", encoded=True)
    async with rig.http.get(url) as response:
        assert response.status == 200
        await response.content.readany()
        clock.now += 20
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_picture_from_elsewhere_is_shown_while_its_host_is_listed(rig: Rig, clock: Clock) -> None:
    address = "https://images.example.org/a.png"
    path = f"/demo/image/fetch/w_10/{address}"
    rig.origin.upload(address, b"one", delivery_type="fetch")
    restricted = await rig.get(path)
    assert (restricted.status, rig.origin.resolves) == (401, 0)
    listed = {"hosts": ["images.example.org"], "delivery": "open"}
    await rig.configure(policy(remote=listed), revision=2)
    for _ in range(3):
        shown = await rig.get(path)
        assert (shown.status, shown.body) == (200, b"one|w_10|")
        assert "public" in shown.headers["Cache-Control"]
    assert rig.parts.app.hot.answers > 0
    assert (await rig.get(path.replace("org/", "net/"))).status == 401
    await rig.configure(policy(remote={**listed, "delivery": "signed"}), revision=3)
    rig.origin.fetch_needs_signature = True
    assert (await rig.get(path)).status == 401
    assert (await rig.get(f"{path}?{clock.token()}")).status == 401
    assert (await rig.get(path.replace("w_10", "s--goodsign--/w_10"))).status == 200
    await rig.configure(policy(remote={**listed, "hosts": ["other.example.org"]}), revision=4)
    for _ in range(2):
        assert (await rig.get(path)).status == 401

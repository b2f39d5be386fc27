"""A change of a URL against everything that could bring its old content back. Across workers: `test_passthrough_workers`;
of bodies on the disk: `test_passthrough_large`; a restart begins with nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assets import Cached, Seen, cached, response

NOT_MODIFIED = b'HTTP/1.1 304 Not Modified\r\nETag: "old"\r\nCache-Control: max-age=60\r\n\r\n'
FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
STALE = {"cache_control": "max-age=0"}
BEHIND = {"cache_control": "max-age=0, stale-while-revalidate=60"}


class Changing:
    """What a GET or HEAD asks for is read when it arrives, and answered when it is told; a POST changes it."""

    def __init__(self) -> None:
        self.body = b"old"
        self.fields = FRESH
        self.confirms = False
        self.arrived, self.go_on, self.go_to_the_end = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.open()

    def open(self) -> None:
        self.go_on.set()
        self.go_to_the_end.set()

    def close(self, *, in_the_body: bool = False) -> None:
        self.arrived.clear()
        (self.go_to_the_end if in_the_body else self.go_on).clear()

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "POST":
            self.body, self.fields, self.confirms = b"new", FRESH, False
            writer.write(response(b""))
            return
        answer = response(self.body, ETag=f'"{self.body.decode()}"', **self.fields)
        if self.confirms:
            answer = NOT_MODIFIED
        if seen.method == "HEAD":
            answer = answer.removesuffix(self.body)
        self.arrived.set()
        await self.go_on.wait()
        writer.write(answer[:-1])
        await self.go_to_the_end.wait()
        writer.write(answer[-1:])


async def everything_done(cache: Cached, requests: int) -> None:
    async with asyncio.timeout(5):
        while len(cache.origin.seen) < requests:
            await asyncio.sleep(0.01)


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path) as one:
        yield one


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "PURGE"])
async def test_a_change_makes_what_is_stored_invalid(cache: Cached, method: str) -> None:
    await cache.get()
    await cache.get("/b")
    await cache.get("/c")
    cache.origin.says(response(b"", Location="/b", content_location="http://elsewhere/c", **FRESH))
    await cache.get(method=method)
    cache.origin.says(response(b"new", **FRESH))
    assert [(await cache.get(target)).body for target in ("/a", "/b", "/c")] == [b"new", b"new", b"hello"]


async def test_a_change_that_failed_changes_nothing(cache: Cached) -> None:
    await cache.get()
    cache.origin.says(response(b"", status="400 No"))
    await cache.get(method="POST", body=b"x")
    assert (await cache.get()).cache.startswith("hit")


async def test_what_was_asked_for_before_a_change_is_not_stored_after_it(cache: Cached) -> None:
    going = asyncio.Event()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "GET":
            await going.wait()
        writer.write(response(b"old" if seen.method == "GET" else b"", **FRESH))

    cache.origin.script = script
    viewer = await cache.viewer()
    viewer.send()
    await everything_done(cache, 1)
    await cache.get(method="PUT", body=b"new")
    going.set()
    assert (await viewer.answer()).body == b"old"
    viewer.close()
    cache.origin.says(response(b"new", **FRESH))
    assert (await cache.get()).body == b"new"


async def test_who_comes_after_a_change_does_not_join_what_was_asked_for_before_it(cache: Cached) -> None:
    going = asyncio.Event()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        is_first = len(cache.origin.seen) == 1
        if is_first:
            await going.wait()
        writer.write(response(b"old" if is_first else b"new", **FRESH))

    cache.origin.script = script
    viewer = await cache.viewer()
    viewer.send()
    await everything_done(cache, 1)
    await cache.get(method="PUT", body=b"new")
    try:
        async with asyncio.timeout(2):
            assert (await cache.get()).body == b"new"
    finally:
        going.set()
        viewer.close()


@pytest.mark.parametrize("is_changed_by", ["this url", "another"])
@pytest.mark.parametrize(
    "moment", ["before the head", "in the body", "while it is confirmed", "while it is fetched behind", "in a HEAD"]
)
async def test_what_was_read_before_a_change_is_given_to_nobody_after_it(
    cache: Cached, moment: str, is_changed_by: str
) -> None:
    origin = cache.origin.script = Changing()
    if moment in {"while it is confirmed", "in a HEAD"}:
        origin.fields = STALE
    elif moment == "while it is fetched behind":
        origin.fields = BEHIND
    if origin.fields is not FRESH:
        assert (await cache.get()).body == b"old"
        origin.confirms, origin.fields = moment == "while it is confirmed", FRESH
    origin.close(in_the_body=moment == "in the body")
    early = asyncio.ensure_future(cache.get(method="HEAD" if moment == "in a HEAD" else "GET"))
    await asyncio.wait_for(origin.arrived.wait(), 5)
    if moment == "while it is fetched behind":
        assert (await early).body == b"old"  # at once, as the response allowed
    if is_changed_by == "this url":
        await cache.get(method="POST", body=b"x")
    else:
        cache.origin.script = lambda _, writer: _say(writer, response(b"", Location="/a"))
        await cache.get("/b", method="POST", body=b"x")
        origin.body, origin.fields, origin.confirms = b"new", FRESH, False
        cache.origin.script = origin
    late = asyncio.ensure_future(cache.get())
    origin.open()
    assert (await late).body == b"new"
    await early
    again = await cache.get()
    assert (again.body, again.cache.startswith("hit")) == (b"new", True)


async def _say(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)

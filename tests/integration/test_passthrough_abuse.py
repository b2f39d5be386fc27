"""What viewers and origins of the passthrough may try, on real sockets: nobody else is harmed by it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.connection_settings import ConnectionSettings
from tests.infra.assets import Cached, Seen, cached, response

FRESH = "max-age=60"


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path) as one:
        yield one


@pytest.mark.parametrize("name", ["X_Forwarded_Host", "x-forwarded_host", "X-Forwarded-Ssl", "X-Forwarded-Path"])
async def test_no_spelling_of_a_field_that_could_poison_others_reaches_the_origin(cache: Cached, name: str) -> None:
    viewer = await cache.viewer()
    viewer.writer.write(f"GET /a HTTP/1.1\r\nHost: here\r\n{name}: evil\r\n\r\n".encode())
    await viewer.answer()
    viewer.close()
    assert "evil" not in cache.origin.seen[0].fields.values()


async def test_a_field_that_ends_here_selects_no_variant(cache: Cached) -> None:
    """Its origin does not see it, and answers as if it were not there."""

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        body = seen.fields.get("accept-language", "none").encode()
        writer.write(response(body, cache_control=FRESH, vary="Accept-Language"))

    cache.origin.script = script
    first = await cache.get(Accept_Language="de", Connection="accept-language")
    second = await cache.get(Accept_Language="de")
    assert (first.body, second.body) == (b"none", b"de")


@pytest.mark.parametrize("said", ["private, max-age=60", "no-store, max-age=60"])
async def test_what_is_confirmed_for_one_alone_is_not_kept_for_others(cache: Cached, said: str) -> None:
    old = response(b"old", cache_control="max-age=0", etag='"1"')
    confirmed = f'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: {said}\r\nX-Name: Ada\r\n\r\n'.encode()
    new = response(b"new", cache_control=FRESH)
    cache.origin.says(old, confirmed, new)
    await cache.get()
    mine = await cache.get()
    theirs = await cache.get()
    assert (mine.status, mine.body, mine["x-name"]) == (200, b"old", "Ada")
    assert (theirs.body, theirs["x-name"]) == (b"new", "")


async def test_what_is_confirmed_under_an_authorization_changes_nothing_for_others(cache: Cached) -> None:
    old = response(b"old", cache_control="max-age=0", etag='"1"')
    confirmed = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=60\r\nX-Name: Ada\r\n\r\n'
    cache.origin.says(old, confirmed, response(b"new", cache_control=FRESH))
    await cache.get()
    mine = await cache.get(Authorization="Basic x")
    theirs = await cache.get()
    assert (mine.body, mine["x-name"]) == (b"old", "Ada")
    assert (theirs.body, theirs["x-name"]) == (b"new", "")


async def test_what_a_head_says_to_one_alone_is_not_kept_for_others(cache: Cached) -> None:
    old = response(b"old", cache_control="max-age=0", etag='"1"')
    head = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 3\r\nCache-Control: private, max-age=60\r\nX-Name: Ada\r\n\r\n'
    cache.origin.says(old, head, response(b"new", cache_control=FRESH))
    await cache.get()
    await cache.get(method="HEAD")
    theirs = await cache.get()
    assert (theirs.body, theirs["x-name"]) == (b"new", "")


async def test_a_body_that_ends_with_a_reset_is_not_whole(cache: Cached) -> None:
    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    cache.origin.script = script
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await cache.get()
    cache.origin.says(response(b"whole", cache_control=FRESH))
    assert (await cache.get()).body == b"whole"


async def test_who_stalls_in_a_request_body_holds_no_connection_to_the_origin(tmp_path: Path) -> None:
    async with cached(tmp_path, connections_max=1, read_seconds_max=0.3) as cache:
        stalled = await cache.viewer()
        stalled.send("/b", "POST", b"", Content_Length="5")
        await asyncio.sleep(0.1)
        assert (await stalled.answer()).status == 408
        assert (await cache.get()).status == 200
        stalled.close()


@pytest.mark.parametrize("target", [b"/\xe9", b"/\xc3\xa9", b"/a\x7f", b"/a\tb"])
async def test_a_target_that_no_url_can_be_is_sent_as_it_is_or_refused(cache: Cached, target: bytes) -> None:
    viewer = await cache.viewer()
    viewer.writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: here\r\n\r\n")
    got = await viewer.answer()
    viewer.close()
    assert got.status == 400 or [one.target.encode("latin-1") for one in cache.origin.seen] == [target]


async def test_a_list_with_nothing_in_it_is_another_value_of_a_field_that_may_be_no_list(cache: Cached) -> None:
    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(seen.fields["x-who"].encode(), cache_control=FRESH, vary="X-Who"))

    cache.origin.script = script
    assert (await cache.get(X_Who="me,")).body == b"me,"
    assert (await cache.get(X_Who="me")).body == b"me"


async def test_a_location_that_is_no_url_is_handed_on(cache: Cached) -> None:
    cache.origin.says(response(b"made", cache_control=FRESH, content_location="http://[", location="http://["))
    assert (await cache.get(method="POST", body=b"x")).status == 200


async def test_an_interim_response_has_no_framing(cache: Cached) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n"
    cache.origin.says(early + response(b"hello"))
    viewer = await cache.viewer()
    viewer.send()
    head = await viewer.head()
    viewer.close()
    assert (head.status, head["link"], head["content-length"]) == (103, "</a>", "")


async def test_no_content_has_no_length(cache: Cached) -> None:
    cache.origin.says(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")
    assert (await cache.get())["content-length"] == ""


async def test_a_head_that_trickles_is_given_up(tmp_path: Path) -> None:
    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    async with cached(tmp_path, read_seconds_max=0.3) as cache:
        cache.origin.script = script
        assert (await asyncio.wait_for(cache.get(), 3)).status == 504


async def test_a_body_that_trickles_is_not_stored_and_given_up_when_nobody_reads_it(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            closed.set()

    async with cached(tmp_path, fill_seconds_max=0.3) as cache:
        cache.origin.script = script
        viewer = await cache.viewer()
        viewer.send()
        assert (await viewer.head()).status == 200
        viewer.close()
        await asyncio.wait_for(closed.wait(), 3)


async def test_a_request_body_that_trickles_is_refused(tmp_path: Path) -> None:
    async with cached(tmp_path, request_body_seconds_max=0.3) as cache:
        viewer = await cache.viewer()
        viewer.send("/b", "POST", b"", Content_Length="1000")

        async def trickle() -> None:
            while True:
                viewer.writer.write(b"x")
                await asyncio.sleep(0.05)

        trickling = asyncio.ensure_future(trickle())
        try:
            assert (await asyncio.wait_for(viewer.answer(), 3)).status == 408
        finally:
            trickling.cancel()
            viewer.close()


async def test_who_waits_does_not_get_what_was_confirmed_for_another_alone(cache: Cached) -> None:
    gate = asyncio.Event()
    old = response(b"old", cache_control="max-age=60", etag='"1"')
    confirmed = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: private, max-age=60\r\nX-Name: Ada\r\n\r\n'
    cache.origin.says(old)
    await cache.get()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(confirmed if len(cache.origin.seen) == 2 else response(b"new", cache_control="max-age=60"))

    cache.origin.script = script
    asked = [asyncio.ensure_future(cache.get(Cache_Control="no-cache")) for _ in range(2)]
    await asyncio.sleep(0.2)
    gate.set()
    assert sorted(got["x-name"] for got in await asyncio.gather(*asked)) == ["", "Ada"]


@pytest.mark.parametrize("said", ["max-age=60", "no-store"])
async def test_an_answer_without_an_end_is_cut_off_although_somebody_reads_it(tmp_path: Path, said: str) -> None:
    async with cached(tmp_path, answer_seconds_max=0.3) as cache:

        async def trickles(_: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 200 OK\r\nCache-Control: {said}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            while not writer.is_closing():
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)

        for method in ("GET", "POST"):
            cache.origin.script = trickles
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await cache.get(method=method)

        async def silent(_: Seen, __: asyncio.StreamWriter) -> None:
            await asyncio.sleep(5)

        cache.origin.script = silent
        assert {(await cache.get(f"/{method}", method=method)).status for method in ("GET", "POST")} == {504}


async def test_connections_are_bounded_as_those_of_the_media_listener(tmp_path: Path) -> None:
    bounds = ConnectionSettings(header_seconds_max=0.2, requests_max=2, per_address_max=2, trusted_networks=())
    async with cached(tmp_path, connections=bounds) as cache:
        slow, busy = await cache.viewer(), await cache.viewer()
        slow.writer.write(b"GET /a HT")
        for last in ("", "close"):
            busy.send()
            assert (await busy.answer())["connection"] == last
        assert await busy.reader.read() == b""
        assert (await slow.answer()).status == 408
        kept = [await cache.viewer() for _ in range(2)]
        one_more = await cache.viewer()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            one_more.send()
            await one_more.answer()
        for viewer in (slow, busy, one_more, *kept):
            viewer.close()

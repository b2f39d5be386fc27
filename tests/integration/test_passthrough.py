"""The passthrough on real sockets, in front of an origin that does what it is told: what is stored, shared, and cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assets import Cached, Seen, Viewer, cached, response, ttl_of

FRESH: dict[str, Any] = {"cache_control": "max-age=60"}
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"
GONE = b""


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path) as one:
        yield one


async def everything_done(cache: Cached, requests: int) -> None:
    async with asyncio.timeout(5):
        while len(cache.origin.seen) < requests:
            await asyncio.sleep(0.01)


# -- storing ------------------------------------------------------------------------------------------------------


async def test_a_fresh_response_is_asked_for_once_and_grows_old(cache: Cached) -> None:
    first, second = await cache.get(), await cache.get()
    assert (first.cache.rpartition("; ")[0], first.body) == ("fwd=uri-miss; fwd-status=200; stored", b"hello")
    assert ttl_of(first) in {59, 60}
    assert second.cache.startswith("hit; ttl=")
    assert second["age"] == "0"
    assert first["age"] == ""
    assert ttl_of(second) <= 60
    assert second["date"] == first["date"]
    assert second["via"] == "1.1 domicile"
    assert cache.origin.methods == ["GET"]
    assert (cache.count("hit"), cache.count("miss")) == (1, 1)


async def test_queries_are_different_urls(cache: Cached) -> None:
    for target in ("/a?1", "/a?2", "/a", "/a?1"):
        await cache.get(target)
    assert [one.target for one in cache.origin.seen] == ["/a?1", "/a?2", "/a"]


async def test_the_fields_of_both_sides_go_through_byte_for_byte(cache: Cached) -> None:
    cache.origin.says(
        response(b"hello", "200 OK", **{"x-Odd": "caf\xe9", "X-odd": "b  c", "Cache-Control": "max-age=60"})
    )
    for _ in range(2):
        got = await cache.get(X_Word="na\xefve", Accept="a, b")
        assert [(name, value) for name, value in got.fields if name.lower() == "x-odd"] == [
            ("x-Odd", "caf\xe9"),
            ("X-odd", "b  c"),
        ]
    seen = cache.origin.seen[0].fields
    assert (seen["x-word"], seen["accept"]) == ("na\xefve", "a, b")
    assert seen["host"] == f"127.0.0.1:{cache.origin.port}"
    assert "user-agent" not in seen
    assert "accept-encoding" not in seen


async def test_what_names_the_viewer_or_could_poison_others_does_not_reach_the_origin(cache: Cached) -> None:
    await cache.get(X_Forwarded_For="1.2.3.4", X_Forwarded_Host="evil", X_Original_URL="/x", Forwarded="for=1.2.3.4")
    assert not {"x-forwarded-for", "x-forwarded-host", "x-original-url", "forwarded"} & set(cache.origin.seen[0].fields)


async def test_an_answer_that_went_through_here_already_is_refused(cache: Cached) -> None:
    assert (await cache.get(CDN_Loop="other, domicile")).status == 508
    assert cache.origin.seen == []


async def test_variants_are_kept_apart_and_bounded(tmp_path: Path) -> None:
    async with cached(tmp_path, variants_max=2) as cache:

        async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(response(seen.fields["foo"].encode(), vary="Foo", **FRESH))

        cache.origin.script = script
        for word in ("a", "b", "a", "c", "a", "b"):
            assert (await cache.get(Foo=word)).body == word.encode()
        assert [one.fields["foo"] for one in cache.origin.seen] == ["a", "b", "c", "a", "b"]


async def test_the_oldest_go_when_the_store_is_full(tmp_path: Path) -> None:
    async with cached(tmp_path, ram_bytes_max=40_000) as cache:
        cache.origin.says(response(b"x" * 10_000, **FRESH))
        for number in range(20):
            await cache.get(f"/{number}")
        await cache.get("/0")
        assert len(cache.origin.seen) == 21


async def test_what_is_too_large_is_passed_on_and_not_stored(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4096
    async with cached(tmp_path, object_bytes_max=1000) as cache:
        cache.origin.says(response(body, **FRESH))
        assert [(await cache.get()).body == body for _ in range(2)] == [True, True]
        chunked = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
        cache.origin.says(chunked + b"".join(b"%x\r\n%b\r\n" % (len(body), body) for _ in range(3)) + b"0\r\n\r\n")
        assert [(await cache.get("/b")).body == body * 3 for _ in range(2)] == [True, True]
        assert len(cache.origin.seen) == 4


# -- validation ---------------------------------------------------------------------------------------------------


async def test_a_stale_response_is_confirmed_and_its_head_brought_up_to_date(cache: Cached) -> None:
    cache.origin.says(
        response(ETag='"a"', Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT", X="1", cache_control="max-age=0"),
        NOT_MODIFIED + b"X: 2\r\nCache-Control: max-age=60\r\nContent-Length: 99\r\n\r\n",
    )
    await cache.get()
    confirmed, hit = await cache.get(), await cache.get()
    assert confirmed.cache.rpartition("; ")[0] == "fwd=stale; fwd-status=304; stored"
    assert (hit.body, hit["x"], hit["content-length"]) == (b"hello", "2", "5")
    asked = cache.origin.seen[1].fields
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"a"', "Sun, 06 Nov 1994 08:49:37 GMT")
    assert len(cache.origin.seen) == 2


async def test_a_confirmation_can_choose_among_variants(cache: Cached) -> None:
    cache.origin.says(response(ETag='"a"', vary="Foo", **FRESH), NOT_MODIFIED + b'ETag: "a"\r\nVary: Foo\r\n\r\n')
    await cache.get(Foo="1")
    assert (await cache.get(Foo="2")).body == b"hello"
    assert cache.origin.seen[1].fields["if-none-match"] == '"a"'


async def test_a_confirmation_of_what_is_not_stored_is_asked_again_in_full(cache: Cached) -> None:
    cache.origin.says(
        response(ETag='"a"', vary="Foo", **FRESH), NOT_MODIFIED + b'ETag: "z"\r\n\r\n', response(b"new", **FRESH)
    )
    await cache.get(Foo="1")
    assert (await cache.get(Foo="2")).body == b"new"
    assert "if-none-match" not in cache.origin.seen[2].fields


async def test_a_confirmation_of_nothing_at_all_is_an_error(cache: Cached) -> None:
    cache.origin.says(NOT_MODIFIED + b"\r\n")
    assert (await cache.get()).status == 502


async def test_a_head_is_answered_from_the_store_and_brings_it_up_to_date(cache: Cached) -> None:
    cache.origin.says(
        response(ETag='"a"', X="1", cache_control="max-age=0"),
        b'HTTP/1.1 200 OK\r\nETag: "a"\r\nX: 2\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\n\r\n',
    )
    await cache.get()
    assert (await cache.get(method="HEAD"))["x"] == "2"
    got = await cache.get(method="HEAD")
    assert (got["content-length"], got.cache.startswith("hit")) == ("5", True)
    assert (await cache.get())["x"] == "2"
    assert cache.origin.methods == ["GET", "HEAD"]


async def test_a_head_about_something_else_ends_what_is_stored(cache: Cached) -> None:
    cache.origin.says(
        response(ETag='"a"', cache_control="max-age=0"),
        b'HTTP/1.1 200 OK\r\nETag: "b"\r\nContent-Length: 5\r\n\r\n',
        response(b"new", **FRESH),
    )
    await cache.get()
    await cache.get(method="HEAD")
    assert (await cache.get()).body == b"new"
    assert "if-none-match" not in cache.origin.seen[2].fields


# -- conditions and parts -----------------------------------------------------------------------------------------


async def test_conditions_of_viewers_are_answered_from_the_store(cache: Cached) -> None:
    cache.origin.says(response(ETag='"a"', **FRESH))
    assert (await cache.get(If_None_Match='"a"')).status == 304  # fetched in full all the same
    got = await cache.get(If_None_Match='"x", W/"a"')
    assert (got.status, got["etag"], got["content-length"]) == (304, '"a"', "")
    assert (await cache.get(If_None_Match='"x"')).status == 200
    assert len(cache.origin.seen) == 1
    assert "if-none-match" not in cache.origin.seen[0].fields


async def test_parts_are_cut_from_what_is_stored(cache: Cached) -> None:
    cache.origin.says(response(b"0123456789", ETag='"a"', content_type="text/odd", **FRESH))
    await cache.get()
    got = await cache.get(Range="bytes=2-4")
    assert (got.status, got.body, got["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert (await cache.get(Range="bytes=-2", If_Range='"a"')).body == b"89"
    assert (await cache.get(Range="bytes=-2", If_Range='"b"')).body == b"0123456789"
    beyond = await cache.get(Range="bytes=10-")
    assert (beyond.status, beyond["content-range"], beyond.body) == (416, "bytes */10", b"")
    several = await cache.get(Range="bytes=7-8,0-1")
    kind, _, boundary = several["content-type"].partition("; boundary=")
    assert (several.status, kind, several["content-range"]) == (206, "multipart/byteranges", "")
    assert several.body.decode() == (
        f"--{boundary}\r\nContent-Type: text/odd\r\nContent-Range: bytes 7-8/10\r\n\r\n78\r\n"
        f"--{boundary}\r\nContent-Type: text/odd\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--{boundary}--\r\n"
    )
    assert (await cache.get(Range="bytes=0-1,5-6", If_Range='"b"')).status == 200
    assert (await cache.get(Range="bytes=0-1,0-1,0-1")).body == b"0123456789"
    head = await cache.get(method="HEAD", Range="bytes=0-1")
    assert (head.status, head["content-length"]) == (200, "10")
    assert len(cache.origin.seen) == 1


async def test_a_part_of_what_is_not_stored_is_the_origins_to_give(cache: Cached) -> None:
    cache.origin.says(response(b"23", status="206 Partial Content", content_range="bytes 2-3/10", **FRESH))
    for _ in range(2):
        got = await cache.get(Range="bytes=2-3")
        assert (got.status, got.body, got["content-range"]) == (206, b"23", "bytes 2-3/10")
    assert [one.fields["range"] for one in cache.origin.seen] == ["bytes=2-3"] * 2


async def test_a_part_from_the_start_of_what_is_not_for_others_is_cut_here_once_and_then_the_origins(
    cache: Cached,
) -> None:
    cache.origin.says(response(b"0123456789", cache_control="no-store", ETag='"a"'))
    got = await cache.get(Range="bytes=0-3")
    assert (got.status, got.body, got["content-range"]) == (206, b"0123", "bytes 0-3/10")
    assert (await cache.get("/b", Range="bytes=0-3", If_Range='"b"')).body == b"0123456789"
    await cache.get(Range="bytes=0-3")
    assert [one.fields.get("range") for one in cache.origin.seen] == [None, None, "bytes=0-3"]


# -- stale --------------------------------------------------------------------------------------------------------


async def test_a_stale_response_is_served_at_once_and_fetched_behind(cache: Cached) -> None:
    cache.origin.says(response(b"old", cache_control="max-age=0, stale-while-revalidate=60"), response(b"new", **FRESH))
    await cache.get()
    stale = [await cache.get() for _ in range(3)]
    assert stale[0].body == b"old"
    assert "detail=stale-while-revalidate" in stale[0].cache
    await everything_done(cache, 2)
    await asyncio.sleep(0.05)
    assert (await cache.get()).body == b"new"
    assert len(cache.origin.seen) == 2


async def test_nobody_waits_for_a_slow_fetch_behind(cache: Cached) -> None:
    cache.origin.says(response(b"old", cache_control="max-age=0, stale-while-revalidate=60"))
    await cache.get()

    async def slow(_: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(response(b"new", **FRESH))

    cache.origin.script = slow
    started = time.monotonic()
    assert [(await cache.get()).body for _ in range(10)] == [b"old"] * 10
    assert time.monotonic() - started < 0.4
    assert len(cache.origin.seen) == 2


@pytest.mark.parametrize("failure", [response(b"", status="503 No"), b"nonsense\r\n\r\n", GONE])
async def test_an_error_is_hidden_where_the_response_says_so(cache: Cached, failure: bytes) -> None:
    cache.origin.says(response(cache_control="max-age=0, stale-if-error=60"))
    await cache.get()
    await fails(cache, failure)
    got = await cache.get()
    assert (got.status, got.body) == (200, b"hello")
    assert cache.count("stale") == 1


@pytest.mark.parametrize(
    "failure, status", [(response(b"", status="503 No"), 503), (b"nonsense\r\n\r\n", 502), (GONE, 502)]
)
async def test_an_error_is_not_hidden_otherwise(cache: Cached, failure: bytes, status: int) -> None:
    cache.origin.says(response(cache_control="max-age=0, stale-if-error=60, must-revalidate", ETag='"a"'))
    await cache.get()
    await fails(cache, failure)
    assert (await cache.get()).status == status


async def test_the_age_of_what_another_cache_confirmed_is_told(cache: Cached) -> None:
    cache.origin.says(
        response(cache_control="max-age=0", ETag='"a"'),
        b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nAge: 30\r\nCache-Control: max-age=60\r\n\r\n',
    )
    await cache.get()
    for _ in range(2):
        got = await cache.get()
        assert got.body == b"hello"
        assert 30 <= int(got["age"]) <= 60 - ttl_of(got)


async def test_the_operator_may_bridge_the_absence_of_an_origin(tmp_path: Path) -> None:
    async with cached(tmp_path, disconnected_seconds_max=60.0) as cache:
        cache.origin.says(response(cache_control="max-age=0", ETag='"a"'))
        await cache.get()
        await fails(cache, GONE)
        got = await cache.get()
        assert (got.status, "detail=disconnected" in got.cache) == (200, True)
        await fails(cache, response(b"", status="503 No"))
        assert (await cache.get()).status == 503


async def fails(cache: Cached, answer: bytes) -> None:
    """From now on: this answer, or none at all."""

    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    cache.origin.script = script


# -- requests with bodies, and what comes before an answer ------------------------------------------------------------


async def test_bodies_of_requests_go_through_in_either_framing(cache: Cached) -> None:
    await cache.get(method="POST", body=b"x" * 100_000)
    viewer = await cache.viewer()
    viewer.writer.write(b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert (await viewer.head()).status == 100
    viewer.writer.write(b"3\r\nabc\r\n0\r\n\r\n")
    assert (await viewer.answer()).status == 200
    viewer.close()
    assert cache.origin.seen[0].body == b"x" * 100_000
    assert cache.origin.seen[1].body == b"3\r\nabc\r\n0\r\n\r\n"


async def test_who_knows_no_interim_responses_is_sent_none(cache: Cached) -> None:
    viewer = await cache.viewer()
    viewer.writer.write(b"POST /a HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx")
    assert (await viewer.head()).status == 200
    viewer.close()


async def test_a_body_of_a_request_is_bounded(tmp_path: Path) -> None:
    async with cached(tmp_path, request_body_bytes_max=10) as cache:
        assert (await cache.get(method="POST", body=b"x" * 11)).status == 413
        assert (await cache.get(method="POST", body=b"x" * 10)).status == 200
        assert len(cache.origin.seen) == 1


async def test_interim_responses_are_handed_on(cache: Cached) -> None:
    cache.origin.says(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + response(**FRESH)
    )
    for method in ("GET", "POST"):
        viewer: Viewer = await cache.viewer()
        viewer.send(method=method)
        early = await viewer.head()
        assert (early.status, early["link"]) == (103, "</x>")
        assert (await viewer.head()).status == 102
        assert (await viewer.answer()).body == b"hello"
        viewer.close()

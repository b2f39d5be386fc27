"""Parts of what is not stored whole: kept, put together, confirmed, and never taken for more than they are."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assets import Cached, Got, Script, Seen, cached, response

FILE = bytes(range(200))
STEPS = 120
STORED_SECONDS_MAX = 30.0


@dataclass
class Ranged:
    """An origin of one file that knows ranges and conditions; `content` may change, and then so does its tag."""

    content: bytes = FILE
    version: int = 1
    fields: dict[str, str] = field(default_factory=lambda: {"cache_control": "max-age=60"})
    asked: list[tuple[int, int]] = field(default_factory=list)
    """Bytes that were sent, [start, end)."""

    @property
    def etag(self) -> str:
        return f'"v{self.version}"'

    def change(self, content: bytes) -> None:
        self.content, self.version = content, self.version + 1

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        head = {"etag": self.etag, **self.fields}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", seen.fields.get("range", ""))
        if seen.method == "PUT":
            writer.write(response(b"", "204 No Content"))
        elif seen.method == "HEAD":
            writer.write(response(self.content, **head)[: -len(self.content)])
        elif seen.fields.get("if-none-match") == self.etag:
            writer.write(response(b"", "304 Not Modified", **head))
        elif asked is None or seen.fields.get("if-range", self.etag) != self.etag:
            self.asked.append((0, len(self.content)))
            writer.write(response(self.content, **head))
        else:
            start, end = self._span(*asked.groups())
            self.asked.append((start, end))
            said = f"bytes {start}-{end - 1}/{len(self.content)}"
            part = self.content[start:end]
            writer.write(response(part, "206 Partial Content", **head, content_range=said))

    def _span(self, start: str, last: str) -> tuple[int, int]:
        length = len(self.content)
        if not start:
            return max(0, length - int(last)), length
        return int(start), min(length, int(last) + 1) if last else length


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path) as one:
        one.origin.script = Ranged()
        yield one


def ranged(cache: Cached) -> Ranged:
    assert isinstance(cache.origin.script, Ranged)
    return cache.origin.script


def span(got: Got) -> tuple[int, int]:
    match = re.fullmatch(r"bytes (\d+)-(\d+)/\d+", got["content-range"])
    assert match is not None
    return int(match[1]), int(match[2]) + 1


def broken_off(start: int, end: int) -> Script:
    """An origin whose part of the file ends ten bytes too soon."""

    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        headers = {"etag": '"v1"', "content_range": f"bytes {start}-{end - 1}/200", "cache_control": "max-age=60"}
        writer.write(response(FILE[start:end], "206 Partial Content", **headers)[:-10])
        await writer.drain()
        writer.close()

    return script


async def test_a_part_is_kept_and_answers_what_lies_in_it(cache: Cached) -> None:
    assert (await cache.get(range="bytes=50-99")).cache == "fwd=partial; fwd-status=206"
    for asked, start, end in [("50-99", 50, 100), ("60-69", 60, 70), ("99-99", 99, 100)]:
        got = await cache.get(range=f"bytes={asked}")
        assert (got.status, got.body, span(got)) == (206, FILE[start:end], (start, end))
        assert got.cache.startswith("hit; ttl=")
    assert len(cache.origin.seen) == 1
    several = await cache.get(range="bytes=50-51,60-61")
    assert several.cache.startswith("hit")
    assert FILE[50:52] in several.body
    assert (await cache.get(range="bytes=90-100")).body == FILE[90:101]
    assert (await cache.get(range="bytes=50-100")).cache.startswith("hit")
    whole = await cache.get()
    assert (whole.status, whole.body) == (200, FILE)
    assert len(cache.origin.seen) == 3


async def test_the_rest_alone_is_fetched_and_the_whole_is_stored(cache: Cached) -> None:
    assert (await cache.get(range="bytes=-150")).body == FILE[50:]
    got = await cache.get(if_none_match='"else"')
    assert (got.status, got.body, got["content-range"]) == (200, FILE, "")
    assert got.cache.startswith("fwd=partial; fwd-status=206; stored")
    assert cache.origin.seen[-1].fields["if-range"] == '"v1"'
    assert ranged(cache).asked == [(50, 200), (0, 50)]
    assert (await cache.get()).cache.startswith("hit")
    assert (await cache.get(range="bytes=0-9")).cache.startswith("hit")


async def test_parts_that_come_to_the_whole_are_the_whole(cache: Cached) -> None:
    for start in (150, 100, 50, 1):
        await cache.get(range=f"bytes={start}-{start + 49}")
    await cache.get(range="bytes=0-0,5-5")  # several come as multipart, and are not kept
    assert "multipart" not in (await cache.get(range="bytes=-1"))["content-type"]
    seen = len(cache.origin.seen)
    got = await cache.get(range="bytes=0-9")
    assert (got.body, got.cache.partition(";")[0]) == (FILE[:10], "fwd=partial")
    assert ranged(cache).asked[-1] == (0, 1)
    assert (await cache.get()).cache.startswith("hit")
    assert len(cache.origin.seen) == seen + 1


async def test_a_whole_that_is_completed_is_shared_and_goes_to_the_disk_if_it_is_large(tmp_path: Path) -> None:
    async with cached(tmp_path, object_bytes_max=100, disk_bytes_max=2**20) as cache:
        origin, go_on = Ranged(), asyncio.Event()

        async def waiting(seen: Seen, writer: asyncio.StreamWriter) -> None:
            if "if-range" in seen.fields:
                await go_on.wait()
            await origin(seen, writer)

        cache.origin.script = waiting
        await cache.get(range="bytes=-80")
        assert (await cache.get(range="bytes=-80")).cache.startswith("hit")
        viewers = [await cache.viewer() for _ in range(3)]
        for viewer in viewers[:2]:
            viewer.send()
        viewers[2].send(range="bytes=0-9")
        await asyncio.sleep(0.05)
        go_on.set()
        got = [await viewer.answer() for viewer in viewers]
        assert [one.body for one in got] == [FILE, FILE, FILE[:10]]
        assert sum("collapsed" in one.cache for one in got) == 2
        async with asyncio.timeout(STORED_SECONDS_MAX):
            while not (whole := await cache.get()).cache.startswith("hit"):
                await asyncio.sleep(0.01)
        assert whole.body == FILE
        assert (await cache.get(range="bytes=100-149")).body == FILE[100:150]
        assert origin.asked == [(120, 200), (0, 120)]
        for viewer in viewers:
            viewer.close()


async def test_of_what_is_too_large_to_be_stored_parts_are_kept_and_the_whole_is_fetched_once(tmp_path: Path) -> None:
    async with cached(tmp_path, object_bytes_max=100) as cache:
        cache.origin.script = Ranged()
        await cache.get(range="bytes=150-199")
        assert (await cache.get()).body == FILE
        assert (await cache.get(range="bytes=0-9")).body == FILE[:10]
        assert (await cache.get(range="bytes=160-169")).cache.startswith("hit")
        assert ranged(cache).asked[:2] == [(150, 200), (0, 200)]
        assert not any("if-range" in one.fields for one in cache.origin.seen)
        ranged(cache).change(FILE[::-1])
        assert (await cache.get()).body == FILE[::-1]
        assert (await cache.get(range="bytes=160-169")).body == FILE[::-1][160:170]


async def test_a_whole_that_has_changed_is_fetched_whole(cache: Cached) -> None:
    await cache.get(range="bytes=-150")
    ranged(cache).change(FILE[::-1])
    got = await cache.get()
    assert (got.status, got.body, got["etag"]) == (200, FILE[::-1], '"v2"')
    assert (await cache.get(range="bytes=50-99")).body == FILE[::-1][50:100]


async def test_an_answer_that_is_not_what_is_missing_is_not_put_in_its_place(cache: Cached) -> None:
    """An origin that does not heed If-Range: the part is of something else."""
    await cache.get(range="bytes=-150")
    other = response(bytes(50), "206 Partial Content", etag='"v2"', content_range="bytes 0-49/200")
    cache.origin.says(other, response(bytes(200), etag='"v2"', cache_control="max-age=60"))
    got = await cache.get()
    assert (got.status, got.body, got["etag"]) == (200, bytes(200), '"v2"')


@pytest.mark.parametrize(
    "fields", [{"cache_control": "no-store"}, {"cache_control": "private, max-age=60"}, {"vary": "*"}]
)
async def test_what_may_not_be_kept_whole_is_not_kept_in_part(cache: Cached, fields: dict[str, str]) -> None:
    ranged(cache).fields = {"cache_control": "max-age=60", **fields}
    for _ in range(2):
        assert (await cache.get(range="bytes=50-99")).cache.startswith("fwd=partial")


async def test_a_part_is_for_the_requests_that_vary_lets_it_be_for(cache: Cached) -> None:
    ranged(cache).fields["vary"] = "Foo"
    await cache.get(range="bytes=50-99", foo="1")
    assert (await cache.get(range="bytes=50-99", foo="2")).cache.startswith("fwd=partial")
    assert (await cache.get(range="bytes=50-99", foo="1")).cache.startswith("hit")
    assert (await cache.get(range="bytes=50-99", foo="2")).cache.startswith("hit")


async def test_a_change_that_passes_through_takes_parts_with_it_and_those_on_their_way(cache: Cached) -> None:
    await cache.get(range="bytes=50-99")
    await cache.get(method="PUT", body=b"x")
    assert (await cache.get(range="bytes=50-99")).cache.startswith("fwd=partial")
    origin, go_on = ranged(cache), asyncio.Event()

    async def halting(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method != "PUT":
            writer.write(
                response(
                    FILE[120:130],
                    "206 Partial Content",
                    etag='"v1"',
                    content_range="bytes 120-129/200",
                    cache_control="max-age=60",
                )[:-5]
            )
            await go_on.wait()
            writer.write(FILE[125:130])
        else:
            await origin(seen, writer)

    cache.origin.script = halting
    viewer = await cache.viewer()
    viewer.send(range="bytes=120-129")
    assert (await viewer.head()).status == 206
    await cache.get(method="PUT", body=b"x")
    go_on.set()
    assert await viewer.reader.readexactly(10) == FILE[120:130]
    viewer.close()
    cache.origin.script = origin
    assert (await cache.get(range="bytes=120-129")).cache.startswith("fwd=partial")


async def test_a_part_that_breaks_off_is_neither_kept_nor_ended(cache: Cached) -> None:
    origin = ranged(cache)

    cache.origin.script = broken_off(50, 100)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await cache.get(range="bytes=50-99")
    cache.origin.script = origin
    assert (await cache.get(range="bytes=50-59")).cache.startswith("fwd=partial")


async def test_a_gap_that_breaks_off_is_no_whole(cache: Cached) -> None:
    await cache.get(range="bytes=-150")
    origin = ranged(cache)

    cache.origin.script = broken_off(0, 50)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await cache.get()
    cache.origin.script = origin
    assert (await cache.get()).body == FILE


async def test_stale_parts_are_confirmed_or_go(cache: Cached) -> None:
    ranged(cache).fields["cache_control"] = "max-age=60, no-cache"
    await cache.get(range="bytes=50-99")
    ranged(cache).fields["foo"] = "new"
    got = await cache.get(range="bytes=60-69")
    assert (got.status, got.body, got["foo"]) == (206, FILE[60:70], "new")
    assert got.cache.startswith("fwd=stale; fwd-status=304; stored")
    ranged(cache).change(FILE[::-1])
    got = await cache.get(range="bytes=60-69")
    assert (got.body, got["etag"]) == (FILE[::-1][60:70], '"v2"')
    got = await cache.get(range="bytes=60-69", if_range='"v1"')
    assert (got.status, got.body) == (200, FILE[::-1])


async def test_a_head_confirms_parts_or_takes_them_out(cache: Cached) -> None:
    await cache.get(range="bytes=50-99")
    ranged(cache).fields["foo"] = "new"
    assert (await cache.get(method="HEAD"))["content-length"] == "200"
    assert (await cache.get(range="bytes=50-99"))["foo"] == "new"
    ranged(cache).change(FILE[::-1])
    await cache.get(method="HEAD")
    assert (await cache.get(range="bytes=50-99")).body == FILE[::-1][50:100]


async def test_parts_are_bounded_in_bytes(tmp_path: Path) -> None:
    async with cached(tmp_path, object_bytes_max=60) as cache:
        cache.origin.script = Ranged()
        await cache.get(range="bytes=1-50")
        await cache.get(range="bytes=101-150")
        assert (await cache.get(range="bytes=101-150")).cache.startswith("hit")
        assert (await cache.get(range="bytes=1-50")).cache.startswith("fwd=partial")
        await cache.get(range="bytes=1-100")
        assert (await cache.get(range="bytes=60-100")).cache.startswith("fwd=partial")
    async with cached(tmp_path, fill_bytes_max=80) as cache:
        cache.origin.script = Ranged()
        for _ in range(2):
            assert (await cache.get(range="bytes=1-50")).cache.startswith("fwd=partial")
        await cache.get(range="bytes=1-40")
        assert (await cache.get(range="bytes=1-40")).cache.startswith("hit")


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_is_asked_for_in_whatever_order_is_answered_with_the_bytes_of_one_version(
    cache: Cached, seed: int
) -> None:
    """An oracle: the file as it was under the tag of the answer."""
    chance = random.Random(seed)
    versions = {'"v1"': FILE}
    uses: set[str] = set()
    for _ in range(STEPS):
        start, length = chance.randrange(200), chance.choice([1, 20, 80])
        last = min(199, start + length)
        asked = chance.choice([f"bytes={start}-{last}"] * 8 + [f"bytes={start}-", f"bytes=-{200 - start}"] * 2 + [""])
        fields: dict[str, Any] = {"range": asked} if asked else {}
        if asked and chance.random() < 0.1:
            fields["if_range"] = f'"v{chance.randint(1, ranged(cache).version)}"'
        if chance.random() < 0.2:
            fields["cache_control"] = "no-cache"
        if chance.random() < 0.06:
            ranged(cache).change(chance.randbytes(200))
            versions[ranged(cache).etag] = ranged(cache).content
        if chance.random() < 0.1:
            await cache.get(method="PUT", body=b"x")
        got = await cache.get(**fields)
        content = versions[got["etag"]]
        if got.status == 200:
            assert got.body == content
        else:
            assert (got.status, bool(asked)) == (206, True)
            first, end = span(got)
            assert got.body == content[first:end]
            assert (first, end) == ranged(cache)._span(*asked.removeprefix("bytes=").split("-"))
            assert fields.get("if_range", got["etag"]) == got["etag"]
        if fields.get("cache_control"):
            assert got["etag"] == ranged(cache).etag
        uses.add(re.sub("; (ttl|detail)=.*", "", got.cache))
    assert {"hit", "fwd=partial; fwd-status=206", "fwd=partial; fwd-status=206; stored"} <= uses

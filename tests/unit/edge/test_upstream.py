"""The default image: when it stands in, what it says, and what ends it. Two questions of one path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.errors import UndecodableMedia
from domicile.media.freshness import STAND_IN_SECONDS_MAX
from domicile.media.journal import Kind
from domicile.media.wire import ResolveAnswer, ResolveRequest, WireError
from tests.unit.edge.rig import Rig, hash_of

PATH = "/demo/image/upload/d_people:nobody.png,w_10/v1/jane.png"
MADE = b"|d_people:nobody.png,w_10|"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_a_default_stands_in_for_what_does_not_exist_and_says_so(rig: Rig) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    first, second = await rig.get(PATH), await rig.get(PATH)
    for got in (first, second):
        assert (got.status, got.body) == (200, b"nobody" + MADE)
        assert got.headers["X-Cld-Error"] == "Resource not found - jane"
        assert got.headers["Cache-Control"] == f"private, no-transform, max-age={STAND_IN_SECONDS_MAX}, must-revalidate"
        assert got.headers["CDN-Cache-Control"] == got.headers["Surrogate-Control"] == "no-store"
    assert (first.cache, second.cache) == ("fwd=uri-miss", "hit")
    assert rig.link.reported == []


async def test_what_exists_is_delivered_itself_and_as_ever(rig: Rig) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    rig.origin.upload("jane", b"jane")
    got = await rig.get(PATH)
    assert (got.status, got.body) == (200, b"jane" + MADE)
    assert "X-Cld-Error" not in got.headers
    assert got.headers["Cache-Control"].startswith("public")
    assert rig.origin.resolves == 1


async def test_without_a_default_that_exists_the_asset_is_what_is_missing(rig: Rig) -> None:
    for _ in range(2):
        got = await rig.get(PATH)
        assert (got.status, got.headers["X-Cld-Error"]) == (404, "Resource not found - jane")
    assert rig.origin.resolves == 2  # one for each name; then both are remembered
    rig.origin.upload("people/nobody", b"nobody")
    await rig.entry(Kind.NAME, names=(hash_of("people/nobody"),))
    assert (await rig.get(PATH)).body == b"nobody" + MADE


async def test_the_asset_takes_its_place_as_soon_as_it_exists(rig: Rig) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    await rig.get(PATH)
    rig.origin.upload("jane", b"jane")
    await rig.entry(Kind.NAME, names=(hash_of("jane"),))
    got = await rig.get(PATH)
    assert (got.body, got.headers.get("X-Cld-Error")) == (b"jane" + MADE, None)


@pytest.mark.parametrize("gate", ["resolve", "head", "render", "store"])
async def test_an_asset_that_comes_in_the_middle_of_a_fill_is_not_outrun(rig: Rig, gate: str) -> None:
    held = {
        "resolve": rig.origin.resolve_gate,
        "head": rig.origin.head_gate,
        "render": rig.pool.gate,
        "store": rig.link.store_gate,
    }[gate]
    rig.origin.upload("people/nobody", b"nobody")
    held.close()
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.get(PATH))
        await asyncio.wait_for(held.reached.wait(), 2)
        rig.origin.upload("jane", b"jane")
        await rig.entry(Kind.NAME, names=(hash_of("jane"),))
        held.open()
        late = await rig.get(PATH)
    assert late.body == b"jane" + MADE
    assert (await rig.get(PATH)).body == b"jane" + MADE


async def test_an_asset_that_comes_between_both_questions_is_not_outrun(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is of a time before it, the second of a time after it: the smaller number counts."""
    rig.origin.upload("people/nobody", b"nobody")
    inner = rig.origin._answer

    def answer(asked: ResolveRequest) -> ResolveAnswer | WireError:
        found = inner(asked)
        assert isinstance(found, ResolveAnswer)
        if found.absent is not None:  # said; from now on it exists, and the journal says so
            rig.origin.upload("jane", b"jane")
            rig.origin.sequence += 1
        return found

    monkeypatch.setattr(rig.origin, "_answer", answer)
    held = rig.origin.head_gate
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH))
        await asyncio.wait_for(held.reached.wait(), 2)
        rig.origin.sequence -= 1
        await rig.entry(Kind.NAME, names=(hash_of("jane"),))
        held.open()
    assert early.result().body == b"jane" + MADE
    assert (await rig.get(PATH)).body == b"jane" + MADE


async def test_an_earlier_reading_that_comes_between_both_questions_is_not_outrun(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is of a time before it, the second of a time after it: the smaller number counts."""
    path = "/demo/image/upload/w_10/pic.png"
    rig.origin.upload("w_10/pic", b"later")
    inner = rig.origin._answer

    def answer(asked: ResolveRequest) -> ResolveAnswer | WireError:
        found = inner(asked)
        if len(asked.public_ids) > 1 and "upload/pic" not in rig.origin.assets:
            rig.origin.upload("pic", b"first")
            rig.origin.sequence += 1
        return found

    monkeypatch.setattr(rig.origin, "_answer", answer)
    held = rig.origin.head_gate
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(path))
        await asyncio.wait_for(held.reached.wait(), 2)
        rig.origin.sequence -= 1
        await rig.entry(Kind.NAME, names=(hash_of("pic"),))
        held.open()
    assert early.result().body.startswith(b"first")
    assert (await rig.get(path)).body.startswith(b"first")


async def test_erasing_the_default_ends_every_picture_that_it_stood_in_for(rig: Rig) -> None:
    default = rig.origin.upload("people/nobody", b"nobody")
    await rig.get(PATH)
    del rig.origin.assets["upload/people/nobody"]
    await rig.entry(Kind.ERASE, aids=(default.aid,), names=(hash_of("people/nobody"),))
    got = await rig.get(PATH)
    assert (got.status, got.headers["X-Cld-Error"]) == (404, "Resource not found - jane")


async def test_another_asset_under_the_defaults_name_takes_its_place(rig: Rig) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    await rig.get(PATH)
    rig.origin.upload("people/nobody", b"other")
    await rig.entry(Kind.NAME, names=(hash_of("people/nobody"),))  # renamed away, and another one renamed to it
    assert (await rig.get(PATH)).body == b"other" + MADE


@pytest.mark.parametrize("error", [None, UndecodableMedia("Invalid image file")])
async def test_what_stands_in_for_one_reading_of_a_path_stands_not_before_another(
    rig: Rig, error: Exception | None
) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    rig.origin.upload("d_people:nobody.png,w_10/jane", b"her")
    rig.pool.error = error
    for _ in range(2):
        got = await rig.get(PATH)
        assert (got.status, rig.pool.renders) == (200 if error is None else 400, 1)
    rig.pool.error = None
    got = await rig.get(PATH.replace("/v1", ""))
    assert (got.status, got.body.partition(b"|")[0], got.headers.get("X-Cld-Error")) == (200, b"her", None)
    assert (await rig.get(PATH)).status == (200 if error is None else 400)


async def test_a_default_tells_nobody_without_a_signature_what_exists(rig: Rig) -> None:
    rig.origin.upload("people/nobody", b"nobody")
    path = "/demo/image/authenticated/{}d_people:nobody.png,w_10/v1/jane.png"
    assert (await rig.get(path.format(""))).status == 401
    got = await rig.get(path.format("s--goodsign--/"))
    assert (got.status, got.body) == (200, b"nobody" + MADE)
    assert got.headers["Cache-Control"] == "private, no-store"


async def test_a_default_stands_in_for_images_only(rig: Rig) -> None:
    got = await rig.get("/demo/raw/upload/d_people:nobody.png/v1/report.txt")
    assert (got.status, got.headers["X-Cld-Error"]) == (
        400, "Invalid transformation component - d_people:nobody.png (stands in for images only)",
    )  # fmt: skip

"""What does not exist, told from memory: names of pictures, and of what lies over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from tests.unit.edge.rig import Rig, hash_of

PATH = "/demo/image/upload/l_logo/w_10/v1/{}.png"
DOUBTFUL = "/demo/image/upload/l_logo/w_10/{}.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        for name in ("pic", "pic2"):
            opened.origin.upload(name, b"base")
        yield opened


async def appears(rig: Rig, name: str) -> None:
    rig.origin.upload(name, name.encode())
    await rig.entry(Kind.NAME, names=(hash_of(name),))


async def missing(rig: Rig, path: str) -> str:
    got = await rig.get(path)
    assert got.status == 404
    assert got.headers["Cache-Control"] == "private, no-store"
    error: str = got.headers["X-Cld-Error"]
    return error


@pytest.mark.parametrize("path", [PATH, DOUBTFUL])
async def test_a_layer_that_does_not_exist_is_named_and_remembered_for_every_picture(rig: Rig, path: str) -> None:
    assert await missing(rig, path.format("pic")) == "Resource not found - logo"
    asked = rig.origin.resolves
    assert await missing(rig, path.format("pic")) == "Resource not found - logo"
    assert await missing(rig, PATH.format("pic2")) == "Resource not found - logo"
    assert rig.origin.resolves == asked
    assert rig.origin.blobs == 0


@pytest.mark.parametrize("path", [PATH, DOUBTFUL])
async def test_it_is_shown_as_soon_as_it_exists(rig: Rig, path: str) -> None:
    await missing(rig, path.format("pic"))
    await appears(rig, "logo")
    got = await rig.get(path.format("pic"))
    assert (got.status, got.body.endswith(b"over upload/logo logo ")) == (200, True)


async def test_a_layer_that_comes_while_its_absence_is_on_its_way_is_shown(rig: Rig) -> None:
    rig.origin.resolve_gate.close()
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.get(PATH.format("pic")))
        await asyncio.wait_for(rig.origin.resolve_gate.reached.wait(), 2)
        await appears(rig, "logo")
        rig.origin.resolve_gate.open()
    assert (await rig.get(PATH.format("pic"))).status == 200


async def test_another_layer_that_is_missing_is_the_next_to_be_named(rig: Rig) -> None:
    path = "/demo/image/upload/l_one/l_two/v1/pic.png"
    assert await missing(rig, path) == "Resource not found - one"
    await appears(rig, "one")
    assert await missing(rig, path) == "Resource not found - two"
    await appears(rig, "two")
    assert (await rig.get(path)).status == 200


async def test_a_picture_that_is_missing_itself_is_named_before_its_layers(rig: Rig) -> None:
    for _ in range(2):
        assert await missing(rig, PATH.format("nobody")) == "Resource not found - nobody"
    assert rig.origin.resolves == 1


async def test_another_reading_of_the_path_may_do_without_the_layer(rig: Rig) -> None:
    """`l_logo` is a folder there; nothing that is known says that it does not exist."""
    await missing(rig, PATH.format("pic"))
    rig.origin.assets.pop("upload/pic")
    rig.origin.upload("l_logo/w_10/pic", b"in a folder")
    assert (await rig.get(DOUBTFUL.format("pic"))).body == b"in a folder||"


async def test_a_default_image_needs_the_layer_too(rig: Rig) -> None:
    rig.origin.upload("nobody", b"nobody")
    path = "/demo/image/upload/d_nobody.png/l_logo/w_10/v1/jane.png"
    for _ in range(2):
        assert await missing(rig, path) == "Resource not found - logo"
    assert rig.origin.resolves == 2  # for the picture, and for what stands in
    await appears(rig, "logo")
    assert (await rig.get(path)).status == 200

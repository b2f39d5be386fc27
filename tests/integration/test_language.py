"""The language by real processes: what a URL says about a picture is worked out for that picture, as it is now."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image

from tests.integration.node_process import Got, Stack, color_of, picture, running_stack

RED = (255, 0, 0)

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with running_stack(workers=2) as running:
        yield running


def size_of(got: Got) -> tuple[int, int]:
    assert (got.status, got.headers.get("x-cld-error")) == (200, None)
    return Image.open(io.BytesIO(got.body)).size


async def test_what_the_sdk_writes_is_worked_out_for_each_picture(stack: Stack) -> None:
    await stack.upload("wide", picture(RED, (120, 60)))
    await stack.upload("tall", picture(RED, (60, 120)))
    steps = [
        {"$side": "initial_width / 4"},
        {"if": "aspect_ratio > 1", "width": "$side * 2", "crop": "scale"},
        {"if": "else", "width": "$side", "height": "$side + 5", "crop": "fill"},
        {"if": "end"},
    ]

    async def made(public_id: str) -> Got:
        url, _ = stack.origin.sdk().utils.cloudinary_url(public_id, transformation=steps, version=1, format="png")
        return await stack.get("/" + url.split("/", 3)[3])

    assert size_of(await made("wide")) == (60, 30)
    assert size_of(await made("tall")) == (15, 20)


async def test_a_change_of_tags_or_context_is_seen_at_once_by_every_worker(stack: Stack) -> None:
    path = (
        "/demo/image/upload/if_!sale!_in_tags_and_ctx:!season!_eq_!summer!/e_grayscale/if_end/c_scale,w_20/v1/coat.png"
    )
    await stack.upload("coat", picture(RED), context={"season": "summer"})
    plain = "/demo/image/upload/c_scale,w_20/v1/coat.png"
    for got in [*await stack.everywhere(path), *await stack.everywhere(plain)]:
        assert color_of(got.body) == RED
    sdk = stack.origin.sdk().uploader
    await asyncio.to_thread(sdk.add_tag, "sale", "coat")
    for got in await stack.everywhere(path):
        assert color_of(got.body) != RED
    await asyncio.to_thread(sdk.add_context, {"season": "winter"}, "coat")
    for got in await stack.everywhere(path):
        assert color_of(got.body) == RED
    assert {got.cache for got in await stack.everywhere(plain)} == {"hit"}


async def test_what_cannot_be_worked_out_is_refused_by_name(stack: Stack) -> None:
    await stack.upload("wide", picture(RED, (120, 60)))
    for text, named in (
        ("w_$nosuch", "w_$nosuch ($nosuch is not set)"),
        ("w_iw_div_0", "w_iw_div_0"),
        ("if_fc_gt_1/e_blur/if_end", "if_fc_gt_1"),
        ("if_w_gt_1,e_blur", "if_w_gt_1,e_blur (has no if_end)"),
    ):
        got = await stack.get(f"/demo/image/upload/{text}/v1/wide.png")
        assert (got.status, got.headers["x-cld-error"]) == (400, f"Invalid transformation component - {named}")


async def test_what_the_sdk_lays_over_a_picture_is_there_and_goes_with_its_own(stack: Stack) -> None:
    await stack.upload("ground", picture(RED, (120, 60)))
    await stack.upload("marks/blue", picture((0, 0, 255), (40, 20)))
    steps = [
        {"$who": "!Ada!"},
        {"overlay": {"public_id": "marks/blue"}, "width": 20, "crop": "scale"},
        {"flags": ["layer_apply", "no_overflow"], "gravity": "north_west"},
        {"overlay": {"font_family": "Arial", "font_size": 12, "text": "$(who) 1/2"}, "color": "white"},
        {"flags": "layer_apply.no_overflow", "gravity": "south"},
    ]
    url, _ = stack.origin.sdk().utils.cloudinary_url("ground", transformation=steps, version=1, format="png")
    path = "/" + url.split("/", 3)[3]

    async def corners() -> list[tuple[int, ...]]:
        found = []
        for got in await stack.everywhere(path):
            assert size_of(got) == (120, 60)
            pixel = Image.open(io.BytesIO(got.body)).convert("RGB").getpixel((2, 2))
            assert isinstance(pixel, tuple)
            found.append(pixel)
        return found

    assert set(await corners()) == {(0, 0, 255)}
    await stack.upload("marks/blue", picture((0, 255, 0), (40, 20)))
    assert set(await corners()) == {(0, 255, 0)}
    await asyncio.to_thread(stack.origin.sdk().uploader.destroy, "marks/blue")
    assert {got.status for got in await stack.everywhere(path)} == {404}


async def test_a_named_transformation_means_what_it_means_now_at_every_worker(stack: Stack) -> None:
    api = stack.origin.sdk().api
    await stack.upload("wide", picture(RED, (120, 60)))
    path = "/demo/image/upload/$side_20/t_mine/v1/wide.png"
    unknown = await stack.get(path)
    assert (unknown.status, unknown.headers["x-cld-error"]) == (400, "Invalid transformation component - t_mine")
    await asyncio.to_thread(api.create_transformation, "mine", {"width": "$side", "crop": "scale"})
    for got in await stack.everywhere(path):
        assert size_of(got) == (20, 10)
    await asyncio.to_thread(api.update_transformation, "mine", unsafe_update="c_scale,w_$side_mul_2")
    for got in await stack.everywhere(path):
        assert size_of(got) == (40, 20)
    await asyncio.to_thread(api.delete_transformation, "mine")
    for got in await stack.everywhere(path):
        assert (got.status, got.headers["x-cld-error"]) == (400, "Invalid transformation component - t_mine")


async def test_a_picture_fits_the_screen_that_asks_for_it_and_screens_of_a_class_share_it(stack: Stack) -> None:
    await stack.upload("wide", picture(RED, (120, 60)))
    path = "/demo/image/upload/c_scale,dpr_auto,w_auto:10/v1/wide.png"
    plain = await stack.get(path)
    assert size_of(plain) == (120, 60)
    assert plain.headers["vary"].split(", ") == [
        "Width", "Sec-CH-Width", "Viewport-Width", "Sec-CH-Viewport-Width", "DPR", "Sec-CH-DPR",
    ]  # fmt: skip
    assert plain.headers["accept-ch"] == plain.headers["vary"]
    small = await stack.get(path, DPR="1.5", Width="20")
    assert size_of(small) == (40, 20)  # 20 / 1.5 is 14 CSS pixels: the step of 20, twice as dense
    same = await stack.get(path, Sec_CH_DPR="2", Sec_CH_Width="39")
    assert (same.body, same.cache) == (small.body, "hit")
    other = await stack.get("/demo/image/upload/c_scale,w_20/v1/wide.png", DPR="3")
    assert size_of(other) == (20, 10)
    assert "vary" not in other.headers
    assert "accept-ch" not in other.headers


async def test_a_change_of_coordinates_is_seen_at_once_by_every_worker(stack: Stack) -> None:
    body = io.BytesIO()
    halves = Image.new("RGB", (120, 60), RED)
    halves.paste((0, 0, 255), (60, 0, 120, 60))
    halves.save(body, "PNG")
    await stack.upload("halves", body.getvalue(), custom_coordinates="5,5,30,30")
    framed = "/demo/image/upload/c_crop,g_custom/v1/halves.png"
    plain = "/demo/image/upload/c_crop,g_west,h_9,w_9/v1/halves.png"
    assert [(size_of(got), color_of(got.body)) for got in await stack.everywhere(framed)] == [((30, 30), RED)] * 2
    await stack.everywhere(plain)
    await asyncio.to_thread(stack.origin.sdk().api.update, "halves", custom_coordinates=[70, 5, 20, 20])
    shown = [(size_of(got), color_of(got.body)) for got in await stack.everywhere(framed)]
    assert shown == [((20, 20), (0, 0, 255))] * 2
    assert {got.cache for got in await stack.everywhere(plain)} == {"hit"}


async def test_the_sdk_gets_its_breakpoints(stack: Stack) -> None:
    noise = Image.effect_noise((700, 500), 90).convert("RGB")
    body = io.BytesIO()
    noise.save(body, "JPEG")
    await stack.upload("noise", body.getvalue())
    path = "/demo/image/upload/c_scale,w_auto:breakpoints_100_600_20_4:json/v1/noise.jpg"
    told = await stack.get(path)
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    widths = json.loads(told.body)["breakpoints"]
    assert (widths[0], widths[-1], len(widths)) == (600, 100, 4)
    assert widths == sorted(widths, reverse=True)
    shown = await stack.get("/demo/image/upload/c_scale,w_auto:breakpoints_100_600_20_4:700/v1/noise.jpg", Width="150")
    assert size_of(shown)[0] == min(width for width in widths if width >= 200)


async def test_a_default_image_stands_in_until_the_asset_comes_and_ends_with_an_erasure(stack: Stack) -> None:
    sdk = stack.origin.sdk()
    await stack.upload("people/nobody", picture((0, 0, 255)))
    url, _ = sdk.utils.cloudinary_url(
        "someone", default_image="people:nobody.png", width=20, crop="scale", version=1, format="png"
    )
    path = "/" + url.split("/", 3)[3]
    for got in await stack.everywhere(path):
        assert (got.status, got.headers["x-cld-error"]) == (200, "Resource not found - someone")
        assert color_of(got.body) == (0, 0, 255)
    await stack.upload("someone", picture(RED))
    for got in await stack.everywhere(path):
        assert size_of(got) == (20, 15)
        assert color_of(got.body) == RED
    await asyncio.to_thread(sdk.uploader.destroy, "someone")
    assert {color_of(got.body) for got in await stack.everywhere(path)} == {(0, 0, 255)}
    await asyncio.to_thread(sdk.uploader.destroy, "people/nobody")
    assert [got.status for got in await stack.everywhere(path)] == [404, 404]

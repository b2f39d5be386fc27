"""What an edge answers for effects, looks and pages: sizes, types, and refusals in Cloudinary's words."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from tests.integration.node_process import running_stack
from tests.pictures.synthetic import pages, saved, spotted

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio]

SPOT = saved(spotted(400, 200, 300, 80, 40))
MADE = {
    "c_fill,g_auto,h_100,w_100": (100, 100),
    "b_auto,c_fill_pad,g_auto,h_100,w_300": (300, 100),
    "c_mpad,h_300,w_300": (400, 300),
    "e_trim": (40, 40),
    "e_trim/bo_5px_solid_red,r_max": (50, 50),
    "co_blue,e_outline:10": (420, 220),
    "a_auto_right,c_fill,h_80,w_40": (40, 80),
    "e_sepia,e_oil_paint,fl_png8": (400, 200),
    "l_text:Arial_64:%E2%96%A0%0A%D7%A9%D7%9C%D7%95%D7%9D,co_red/fl_layer_apply,g_north": (400, 200),
    "l_text:Arial_500:%E2%96%A0/fl_layer_apply": (400, 243),  # 28 to 271 above the baseline, at 991/2048 em
    "l_text:Arial_500:%E2%96%A0/fl_layer_apply.no_overflow": (400, 200),
}
REFUSED = {
    "c_pad,g_auto,h_10,w_10": "Use auto gravity only with crop, fill, lfill, fill_pad or thumb",
    "c_auto,h_10,w_10": "Invalid transformation component - c_auto,h_10,w_10 (needs a gravity)",
    "pg_2": "Invalid transformation component - pg_2 (there are 1)",
    "l_text:Wingdings_20:x": (
        "Unknown font - Wingdings. Fonts: Arimo, Tinos, Cousine, Roboto, Open Sans, Montserrat, Oswald,"
        " and those drawn with them"
    ),
    "l_text:Arial_2001:x": "Maximum size of a font is 2000 pixels (font_size_max). Requested 2001",
    "l_text:Arial_500:x/fl_layer_apply.text_disallow_overflow": (
        "Invalid transformation component - fl_text_disallow_overflow (the text is larger than the image)"
    ),
    "e_cartoonify": "Invalid transformation component - e_cartoonify",
}


async def test_pictures_have_the_size_that_was_asked_for_and_refusals_their_reason() -> None:
    async with running_stack(workers=1) as stack:
        await stack.upload("spot", SPOT)
        async with asyncio.TaskGroup() as group:
            made = {text: group.create_task(stack.get(f"/demo/image/upload/{text}/v1/spot.png")) for text in MADE}
            refused = {text: group.create_task(stack.get(f"/demo/image/upload/{text}/v1/spot.png")) for text in REFUSED}
        for text, reply in made.items():
            assert reply.result().status == 200, text
            assert Image.open(io.BytesIO(reply.result().body)).size == MADE[text], text
        for text, reply in refused.items():
            assert (reply.result().status, reply.result().headers["x-cld-error"]) == (400, REFUSED[text])


async def test_a_page_is_a_picture_of_its_own() -> None:
    async with running_stack(workers=1) as stack:
        await stack.upload("document", pages(80, 40))
        reply = await stack.get("/demo/image/upload/pg_2/v1/document.png")
        assert (reply.status, Image.open(io.BytesIO(reply.body)).size) == (200, (40, 20))

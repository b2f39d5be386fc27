"""What a decoder is asked to do for a program, and which changes of the asset make the result void."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.coordinates import Coordinates
from domicile.media.facts import SourceFacts
from domicile.media.film import Film
from domicile.media.journal import Kind
from domicile.media.keys import COORDINATES, LABELS
from edge.render import _type_as_uploaded
from tests.unit.edge.rig import Asset, Rig, grant, hash_of, policy

TAGGED = "/demo/image/upload/if_!sale!_in_tags/e_grayscale/if_else/e_sharpen/if_end/v1/pic.png"
SIZED = "/demo/image/upload/$half_iw_div_2/c_scale,w_$half/if_h_lt_20/e_grayscale/if_end/v1/pic.png"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_a_decoder_gets_what_the_program_comes_to_for_this_picture(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")  # 40x30
    assert (await rig.get(SIZED)).body == b"one|c_scale,w_20/e_grayscale|"
    assert (await rig.get(SIZED)).cache == "hit"


async def test_tags_leave_the_origin_only_for_a_transformation_that_reads_them(rig: Rig) -> None:
    rig.origin.upload("pic", b"one").tags = ("sale",)
    await rig.get(SIZED)
    assert [asked.labels for asked in rig.origin.asked] == [False]
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"
    assert [asked.labels for asked in rig.origin.asked] == [False, True]


async def test_a_change_of_tags_voids_what_a_condition_on_tags_gave_and_nothing_else(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    assert (await rig.get(TAGGED)).body == b"one|e_sharpen|"
    await rig.get(SIZED)
    asset.tags = ("sale",)
    await rig.entry(Kind.NAME, names=(hash_of("pic", kind=LABELS),))
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"
    assert (await rig.get(TAGGED)).cache == "hit"
    assert (await rig.get(SIZED)).cache == "hit"


async def test_a_change_of_tags_in_the_middle_of_a_fill_is_not_outrun(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    held = rig.pool.gate
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(TAGGED))
        await asyncio.wait_for(held.reached.wait(), 2)
        asset.tags = ("sale",)
        await rig.entry(Kind.NAME, names=(hash_of("pic", kind=LABELS),))
        held.open()
    assert early.result().body == b"one|e_grayscale|"
    assert (await rig.get(TAGGED)).body == b"one|e_grayscale|"


FRAMED = "/demo/image/upload/c_crop,g_custom/v1/pic.png"


@pytest.mark.parametrize(
    "transformation, reads",
    [
        ("w_10", False),
        ("c_fill,g_north,h_9,w_9", False),
        ("e_blur", False),
        ("c_thumb,g_face,h_9,w_9", True),
        ("w_10/c_fill,g_auto,h_9,w_9", True),
        ("c_crop,g_custom:faces", True),
        ("e_pixelate_faces", True),
        ("$w_5/c_fill,g_faces:auto,w_$w", True),
        ("$g_!face!/c_fill,g_$g,h_9,w_9", True),
        ("$w_5/w_$w", False),
    ],
)
async def test_coordinates_leave_the_origin_only_for_a_transformation_that_reads_them(
    rig: Rig, transformation: str, reads: bool
) -> None:
    rig.origin.upload("pic", b"one").coordinates = Coordinates(custom=((1, 2, 3, 4),))
    got = await rig.get(f"/demo/image/upload/{transformation}/v1/pic.png")
    assert [asked.coordinates for asked in rig.origin.asked] == [reads]
    assert got.body.endswith(b"((1, 2, 3, 4),)") is reads


async def test_a_change_of_coordinates_voids_what_reads_them_and_nothing_else(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    assert (await rig.get(FRAMED)).body == b"one|c_crop,g_custom|"
    await rig.get(SIZED)
    await rig.get(TAGGED)
    asset.coordinates = Coordinates(custom=((1, 2, 3, 4),))
    await rig.entry(Kind.NAME, names=(hash_of("pic", kind=COORDINATES),))
    assert (await rig.get(FRAMED)).body == b"one|c_crop,g_custom||((1, 2, 3, 4),)"
    assert [(await rig.get(path)).cache for path in (FRAMED, SIZED, TAGGED)] == ["hit"] * 3


async def test_what_a_policy_hides_reads_coordinates_and_follows_them(rig: Rig) -> None:
    path = "/demo/image/upload/w_5/v1/pic.png"
    await rig.configure(policy(redaction={"faces": "pixelate"}), revision=3)
    asset = rig.origin.upload("pic", b"one")
    assert (await rig.get(path)).body.endswith(b"|pixelate_faces")
    asset.coordinates = Coordinates(faces=((1, 2, 3, 4),))
    await rig.entry(Kind.NAME, names=(hash_of("pic", kind=COORDINATES),))
    assert (await rig.get(path)).body.endswith(b"|pixelate_faces|((1, 2, 3, 4),)")


async def test_what_is_laid_over_is_hidden_by_its_own_coordinates(rig: Rig) -> None:
    path = "/demo/image/upload/l_profiles:jane/w_10/v1/pic.png"
    await rig.configure(policy(redaction={"faces": "pixelate", "folders": ["profiles"]}), revision=3)
    rig.origin.upload("pic", b"one").coordinates = Coordinates(faces=((9, 9, 9, 9),))
    jane = rig.origin.upload("profiles/jane", b"two")
    assert (await rig.get(path)).body.endswith(b"pixelate_faces")
    jane.coordinates = Coordinates(faces=((1, 2, 3, 4),))
    await rig.entry(Kind.NAME, names=(hash_of("profiles/jane", kind=COORDINATES),))
    assert (await rig.get(path)).body.endswith(b"pixelate_faces ((1, 2, 3, 4),)")


async def test_a_default_image_is_framed_by_its_own_coordinates(rig: Rig) -> None:
    path = "/demo/image/upload/c_crop,d_other.png,g_custom/v1/nobody.png"
    other = rig.origin.upload("other", b"two")
    other.coordinates = Coordinates(custom=((5, 6, 7, 8),))
    assert (await rig.get(path)).body.endswith(b"((5, 6, 7, 8),)")
    other.coordinates = Coordinates()
    await rig.entry(Kind.NAME, names=(hash_of("other", kind=COORDINATES),))
    assert not (await rig.get(path)).body.endswith(b"((5, 6, 7, 8),)")


async def test_breakpoints_are_told_and_one_of_them_is_shown(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    told = await rig.get("/demo/image/upload/c_scale,w_auto:breakpoints_50_1000_20_20:json/v1/pic.png")
    assert (told.status, told.body) == (200, b'{"breakpoints":[10]}'), "every rendition of this pool is 10 pixels wide"
    assert told.headers["Content-Type"] == "application/json"
    assert "Vary" not in told.headers
    shown = await rig.get("/demo/image/upload/c_scale,w_auto:breakpoints:300/v1/pic.png")
    assert shown.body == b"one|c_scale,w_10|"
    assert "Width" in shown.headers["Vary"]
    assert (await rig.get("/demo/image/upload/c_scale,w_auto:breakpoints:300/v1/pic.png")).cache == "hit"


@pytest.mark.parametrize(
    "text",
    [
        "w_auto:breakpoints_50_1000_20",
        "w_auto:breakpoints_500_100_20_20",
        "w_auto:breakpoints_0_100_20_20",
        "w_auto:breakpointsx",
        "w_auto:breakpoints:json:300",
        "w_auto:breakpoints/w_auto:breakpoints",
        "$x_5/w_auto:breakpoints,h_$x",
        "if_w_gt_5/w_auto:breakpoints/if_end",
    ],
)
async def test_breakpoints_that_mean_nothing_are_refused(rig: Rig, text: str) -> None:
    rig.origin.upload("pic", b"one")
    got = await rig.get(f"/demo/image/upload/{text}/v1/pic.png")
    assert (got.status, rig.pool.renders) == (400, 0)
    assert got.headers["X-Cld-Error"].startswith("Invalid transformation component - ")


async def test_a_program_that_comes_to_nothing_sensible_is_refused_by_name(rig: Rig) -> None:
    rig.origin.upload("pic", b"one")
    got = await rig.get("/demo/image/upload/w_iw_sub_100/v1/pic.png")
    assert (got.status, got.headers["X-Cld-Error"]) == (400, "Invalid transformation component - w_-60")
    assert rig.pool.renders == 0


@pytest.mark.parametrize(
    ("format_name", "content_type"),
    [("jpg", "image/jpeg"), ("tiff", "image/tiff"), ("heic", "image/heic"), ("pdf", "application/pdf"), ("svg", None)],
)
def test_what_may_be_handed_out_as_it_was_uploaded(format_name: str, content_type: str | None) -> None:
    """A drawing never is, under any policy: it goes through the decoder, which cleans it."""
    facts = SourceFacts(
        format=format_name, width=1, height=1, frames=1, has_alpha=False, orientation=1, body_bytes=1, md5="0" * 32
    )
    assert _type_as_uploaded(facts) == content_type


async def test_a_raw_file_is_handed_out_as_it_is_to_be_kept_and_not_opened(rig: Rig) -> None:
    rig.origin.upload("page.html", b"<script>").format = "raw"
    got = await rig.get("/demo/image/upload/v1/page.html")
    assert (got.status, got.body, rig.pool.renders) == (200, b"<script>", 0)
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    made = await rig.get("/demo/image/upload/w_5/v1/page.html")
    assert (made.status, made.headers["X-Cld-Error"]) == (400, "Invalid transformation component - w_5 (of a raw file)")


@pytest.mark.parametrize("nothing", ["$a_1", "if_w_gt_5000/w_10/if_end"])
async def test_a_program_that_comes_to_nothing_makes_no_rendition_of_a_private_file(rig: Rig, nothing: str) -> None:
    rig.origin.upload("pic.bin", b"secret", delivery_type="private").format = "raw"
    got = await rig.get(f"/demo/image/private/{nothing}/v1/pic.bin")
    assert (got.status, got.headers["X-Cld-Error"]) == (
        400,
        f"Invalid transformation component - {nothing} (of a raw file)",
    )


async def test_where_faces_are_redacted_no_raw_file_is_shown(rig: Rig) -> None:
    grant(rig.link, policy(redaction={"faces": "pixelate", "except_signed": True}))
    rig.origin.upload("pic.bin", b"a picture, for all we know").format = "raw"
    assert (await rig.get("/demo/image/upload/v1/pic.bin")).status == 400
    assert (await rig.get(f"/demo/image/upload/s--{rig.origin.good_signature}--/v1/pic.bin")).status == 200


@pytest.fixture
def film(rig: Rig) -> Asset:
    """A film under the name of a picture."""
    asset = rig.origin.upload("film", b"a film, for all we know", delivery_type="upload")
    asset.format, asset.film = "png", Film(duration=1.0, video_codec="h264")
    return asset


async def test_a_film_is_handed_out_as_it_is_and_nothing_is_made_of_it(rig: Rig, film: Asset) -> None:
    got = await rig.get("/demo/image/upload/v1/film.png")
    assert (got.status, got.body, rig.pool.renders) == (200, film.body, 0)
    for asked in ("w_5/v1/film.png", "v1/film.jpg", "$a_1/v1/film.png", "if_w_gt_5000/w_10/if_end/v1/film"):
        made = await rig.get(f"/demo/image/upload/{asked}")
        assert (made.status, made.headers["X-Cld-Error"]) == (400, "Video transformations are not supported"), asked
    assert rig.pool.renders == 0


async def test_where_faces_are_redacted_no_film_is_shown(rig: Rig, film: Asset) -> None:
    grant(rig.link, policy(redaction={"faces": "pixelate", "except_signed": True}))
    assert (await rig.get("/demo/image/upload/v1/film.png")).status == 400
    signed = await rig.get(f"/demo/image/upload/s--{rig.origin.good_signature}--/v1/film.png")
    assert (signed.status, signed.body) == (200, film.body)

"""Pixels worked out by hand from the formulas of W3C Compositing and Blending 1."""

from __future__ import annotations

from fractions import Fraction

import pytest
from PIL import Image

from domicile.imaging import compose
from domicile.imaging.compose import composited
from domicile.media.placement import Blend, Placement, placed
from domicile.media.transformation import Gravity

HERE = Placement(canvas=(1, 1), base_at=(0, 0), layer_at=(0, 0))
Pixel = tuple[int, ...]


def one(color: Pixel) -> Image.Image:
    return Image.new("RGBA" if len(color) == 4 else "RGB", (1, 1), color)


def at(image: Image.Image, x: int = 0, y: int = 0) -> Pixel:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(
    "blend, base, layer, expected",
    [
        ("normal", (10, 20, 30), (200, 100, 50), (200, 100, 50)),
        ("normal", (10, 20, 30), (200, 100, 50, 0), (10, 20, 30)),
        # 0.4 of the layer, 0.6 of the base: 51/255 = 0.2, 102/255 = 0.4
        ("normal", (0, 100, 200), (250, 200, 0, 102), (100, 140, 120)),
        # ao = 0.4 + 0.6 * 0.2 = 0.52; (0.4 * 250) / 0.52 = 192.3, (0.4 * 200 + 0.6 * 0.2 * 100) / 0.52 = 176.9, 46.2
        ("normal", (0, 100, 200, 51), (250, 200, 0, 102), (192, 177, 46, 133)),
        ("normal", (9, 9, 9, 0), (250, 200, 0, 102), (250, 200, 0, 102)),
        # 255 * (51/255 * 102/255) = 20.4; x 255 stays; x 0 is black
        ("multiply", (51, 51, 51), (102, 255, 0), (20, 51, 0)),
        # half of it: (20.4 + 51) / 2 at 128/255
        ("multiply", (51, 51, 51), (102, 255, 0, 128), (36, 51, 25)),
        # 51 + 102 - 20.4; screening with white is white, with black nothing
        ("screen", (51, 51, 51), (102, 255, 0), (133, 255, 51)),
        # base below a half: 2 * 51 * 102 / 255 = 40.8; above: 204 -> b' = 153/255: 153 + 102 - 61.2 = 193.8
        ("overlay", (51, 204, 51), (102, 102, 255), (41, 194, 102)),
        # where there is no base, blending has nothing to blend with: the layer itself
        ("multiply", (51, 51, 51, 0), (102, 255, 0, 255), (102, 255, 0, 255)),
        # half a base: ao = 1; 0.498 * 20.4 + 0.502 * 102
        ("multiply", (51, 51, 51, 127), (102, 102, 102, 255), (61, 61, 61, 255)),
        ("mask", (10, 20, 30), (1, 2, 3, 102), (10, 20, 30, 102)),
        ("mask", (10, 20, 30, 51), (1, 2, 3, 102), (10, 20, 30, 20)),
        ("mask", (10, 20, 30), (1, 2, 3, 0), (0, 0, 0, 0)),
        ("mask", (10, 20, 30), (1, 2, 3), (10, 20, 30, 255)),
    ],
)
def test_pixels_are_those_of_the_formulas(blend: str, base: Pixel, layer: Pixel, expected: Pixel) -> None:
    found = at(composited(one(base), one(layer), HERE, blend=Blend(blend)))
    twice = 0 if blend in {"normal", "mask"} else 1  # rounded
    assert len(found) == len(expected)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= twice


def test_opacity_is_the_layers() -> None:
    assert at(composited(one((0, 100, 200)), one((250, 200, 0)), HERE, opacity=40)) == (100, 140, 120)
    assert at(composited(one((0, 100, 200)), one((250, 200, 0)), HERE, opacity=0)) == (0, 100, 200)


def test_an_underlay_shows_where_the_picture_is_transparent() -> None:
    assert at(composited(one((250, 200, 0, 102)), one((0, 100, 200)), HERE, is_under=True)) == (100, 140, 120, 255)
    assert at(composited(one((250, 200, 0)), one((0, 100, 200)), HERE, is_under=True)) == (250, 200, 0)


def test_a_layer_lies_where_it_is_placed_and_is_cut_at_the_canvas() -> None:
    base, layer = Image.new("RGB", (6, 4), "blue"), Image.new("RGB", (3, 3), "red")
    found = composited(base, layer, Placement(canvas=(6, 4), base_at=(0, 0), layer_at=(4, -1)))
    red = [(x, y) for y in range(4) for x in range(6) if at(found, x, y) == (255, 0, 0)]
    assert red == [(4, 0), (5, 0), (4, 1), (5, 1)]
    assert at(base, 4, 0) == (0, 0, 255)
    away = composited(base, layer, Placement(canvas=(6, 4), base_at=(0, 0), layer_at=(9, 9)))
    assert away.tobytes() == base.tobytes()


def test_a_canvas_that_grew_is_transparent_around_the_picture() -> None:
    base, layer = Image.new("RGB", (4, 4), "blue"), Image.new("RGB", (2, 2), "red")
    placement = placed((4, 4), (2, 2), Gravity.NORTH_WEST, (Fraction(-1), Fraction(-1)))
    found = composited(base, layer, placement)
    assert (found.mode, found.size) == ("RGBA", (5, 5))
    assert (at(found, 0, 0), at(found, 1, 1), at(found, 2, 2)) == ((255, 0, 0, 255), (255, 0, 0, 255), (0, 0, 255, 255))
    assert at(found, 4, 0) == (0, 0, 0, 0)


def test_tiles_cover_the_canvas_from_their_origin() -> None:
    layer = Image.new("RGB", (3, 2), "red")
    layer.putpixel((0, 0), (0, 255, 0))
    found = composited(
        Image.new("RGB", (8, 5)), layer, Placement(canvas=(8, 5), base_at=(0, 0), layer_at=(4, 3), is_tiled=True)
    )
    green = [(x, y) for y in range(5) for x in range(8) if at(found, x, y) == (0, 255, 0)]
    assert green == [(x, y) for y in (1, 3) for x in (1, 4, 7)]
    assert at(found, 0, 0) == (255, 0, 0)


@pytest.mark.parametrize("pixels", [1, 7, 64, 65_536])
def test_strips_leave_no_trace(monkeypatch, pixels: int) -> None:
    base = Image.radial_gradient("L").resize((40, 30)).convert("RGBA")
    base.putalpha(Image.linear_gradient("L").resize((40, 30)))
    layer = Image.linear_gradient("L").rotate(90).resize((25, 20)).convert("RGBA")
    layer.putalpha(Image.radial_gradient("L").resize((25, 20)))
    placement = placed(base.size, layer.size, Gravity.SOUTH_EAST, (Fraction(-5), Fraction(3)))
    expected = {blend: composited(base, layer, placement, blend=blend).tobytes() for blend in Blend}
    monkeypatch.setattr(compose, "PIXELS_AT_A_TIME", pixels)
    assert {blend: composited(base, layer, placement, blend=blend).tobytes() for blend in Blend} == expected


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("is_under", [False, True])
def test_nothing_is_left_under_what_cannot_be_seen(blend: Blend, is_under: bool) -> None:
    """Of either picture: what redaction or a mask has taken away is not in the file."""
    base = Image.new("RGBA", (8, 8), (250, 120, 60, 0))
    base.paste((250, 120, 60, 255), (0, 0, 4, 8))
    layer = Image.new("RGBA", (4, 4), (40, 200, 90, 0))
    layer.paste((40, 200, 90, 255), (0, 0, 4, 2))
    found = composited(
        base, layer, placed((8, 8), (4, 4), Gravity.NORTH, (Fraction(0), Fraction(-2))), blend=blend, is_under=is_under
    )
    pixels = [at(found, x, y) for y in range(found.height) for x in range(found.width)]
    assert any(pixel[3] == 0 for pixel in pixels)
    assert {pixel for pixel in pixels if pixel[3] == 0} == {(0, 0, 0, 0)}

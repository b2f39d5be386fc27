from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from PIL import Image

from domicile.imaging.job import Done, LayerInput, MediaLimits, Outcome, Refused, RenderJob
from domicile.imaging.layers import open_layers
from domicile.imaging.pipeline import render
from domicile.media.grammar import parse_transformation
from domicile.media.text import TextBox, TextLayer, TextStyle
from tests.pictures.synthetic import draw

BASE = draw("solid 200x100 808080")
LOGO = draw("solid 40x20 0000ff")


def job(transformation: str, *names: str, extension: str = "png", limits: dict[str, int] | None = None) -> RenderJob:
    return RenderJob(
        transformation=transformation,
        extension=extension,
        bucket="",
        limits=msgspec.structs.replace(MediaLimits(), **(limits or {})),
        layers=tuple(LayerInput(name=name) for name in names),
    )


def refusal(answer: tuple[Outcome, bytes]) -> Refused:
    outcome, body = answer
    assert isinstance(outcome, Refused)
    assert body == b""
    return outcome


def picture(answer: tuple[Outcome, bytes]) -> Image.Image:
    outcome, body = answer
    assert isinstance(outcome, Done), outcome
    return Image.open(io.BytesIO(body))


def test_a_layer_that_was_not_given_is_refused_without_its_name() -> None:
    told = refusal(render(BASE, job("l_secret", "upload/logo"), (LOGO,)))
    assert (told.code, told.message) == ("bad_transformation", "Unknown or invalid referenced image")


@pytest.mark.parametrize(
    ("body", "limits", "code"),
    [
        (LOGO[:60], {}, "undecodable_media"),
        (b"nothing", {}, "undecodable_media"),
        (b"", {}, "undecodable_media"),
        (draw("solid 300x300 0000ff"), {"source_pixels_max": 50_000}, "limit_exceeded"),
        (draw("solid 300x30 0000ff"), {"side_pixels_max": 250}, "limit_exceeded"),
    ],
)
def test_a_layer_is_opened_as_strictly_as_the_base(body: bytes, limits: dict[str, int], code: str) -> None:
    assert refusal(render(BASE, job("l_logo", "upload/logo", limits=limits), (body,))).code == code


def test_what_is_given_and_not_shown_is_not_opened() -> None:
    assert picture(render(BASE, job("w_50", "upload/logo"), (b"nothing",))).size == (50, 25)


def test_layers_are_told_apart_by_name() -> None:
    red = draw("solid 40x20 ff0000")
    made = picture(render(BASE, job("l_b,g_west/l_a,g_east", "upload/a", "upload/b"), (LOGO, red)))
    assert made.getpixel((5, 50)) == (255, 0, 0)
    assert made.getpixel((195, 50)) == (0, 0, 255)


def test_memory_counts_the_layers() -> None:
    asked = "l_logo,w_400,h_400,fl_no_overflow/l_logo,w_399,h_400,fl_no_overflow"
    assert picture(render(BASE, job(asked, "upload/logo"), (LOGO,))).size == (200, 100)
    told = refusal(render(BASE, job(asked, "upload/logo", limits={"working_bytes_max": 3_000_000}), (LOGO,)))
    assert "working_bytes_max" in told.message


def test_nothing_of_a_layers_metadata_is_left() -> None:
    body = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.new("RGB", (40, 20)).save(body, "JPEG", exif=exif.tobytes(), comment=b"a secret place")
    _, made = render(BASE, job("l_logo", "upload/logo", extension="jpg"), (body.getvalue(),))
    assert made
    assert b"secret" not in made


def test_the_same_input_makes_the_same_bytes() -> None:
    asked = job("l_logo,o_50/l_text:Arial_20:Hello,e_multiply", "upload/logo")
    assert render(BASE, asked, (LOGO,))[1] == render(BASE, asked, (LOGO,))[1]


@pytest.mark.parametrize("setting", ["text_pixels_max", "font_size_max", "text_chars_max"])
def test_a_text_keeps_its_limits(setting: str) -> None:
    asked = "l_text:Arial_30:Hello"
    assert picture(render(BASE, job(asked))).size == (200, 100)
    assert setting in refusal(render(BASE, job(asked, limits={setting: 4}))).message


def test_a_text_is_laid_out_once_however_many_plans_ask() -> None:
    layers = open_layers(parse_transformation("l_text:Arial_20:Hello"), (), (), MediaLimits())
    text = TextLayer(style=TextStyle(family="Arial", size=20), characters="Hello")
    measure: Any = layers.inputs.measure
    assert measure(text, TextBox()) == measure(text, TextBox()) != measure(text, TextBox(width=20))
    assert (measure.cache_info().hits, measure.cache_info().misses) == (1, 2)

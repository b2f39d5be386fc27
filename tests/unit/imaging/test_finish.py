"""What `f_auto` sees in the pixels, and what it says of that."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from domicile.imaging.finish import GRAPHIC_PIXELS_MAX, File, Negotiable, finish, is_drawing
from domicile.imaging.present import Frame
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.plan import make_plan
from domicile.media.stage import PlanLimits
from domicile.media.writing import cannot_write
from tests.pictures.synthetic import grainy, lettered, quadrants, veiled

LIMITS = PlanLimits(
    output_pixels_max=10**8,
    output_side_max=10**5,
    animation_pixels_max=10**8,
    avif_pixels_max=10**6,
    working_bytes_max=10**10,
)


def finished(
    picture: Image.Image,
    text: str = "f_auto,q_auto",
    *,
    wanted: str,
    bucket: str | None,
    fits: Callable[[str], bool] = lambda _: True,
    frames: int = 1,
    bits: int | None = None,
) -> File:
    facts = SourceFacts(
        format="png",
        width=picture.width,
        height=picture.height,
        frames=frames,
        has_alpha=picture.mode == "RGBA",
        orientation=1,
        body_bytes=1,
        md5="",
    )
    plan = make_plan(parse_transformation(text), facts, wanted, LIMITS)
    open_to = None if bucket is None else Negotiable(bucket, fits, bits)
    return finish([Frame(picture, 100)] * frames, plan, 0, open_to)


def opened(file: File) -> Image.Image:
    image = Image.open(io.BytesIO(file.body))
    image.load()
    return image


@pytest.mark.parametrize(("wanted", "bucket"), [("avif", "avif"), ("webp", "webp"), ("jpg", "legacy")])
def test_a_photograph_stays_in_the_format_of_the_bucket(wanted: str, bucket: str) -> None:
    file = finished(grainy(300, 200), wanted=wanted, bucket=bucket)
    assert file.plan.format == wanted
    assert file.reasons.text().startswith(f"f={wanted}:photo,q=")
    assert file.reasons.text().endswith(":score")


@pytest.mark.parametrize(
    ("wanted", "bucket", "written"), [("avif", "avif", "webp"), ("webp", "webp", "webp"), ("jpg", "legacy", "png")]
)
def test_text_is_written_without_loss_where_that_is_smaller(wanted: str, bucket: str, written: str) -> None:
    picture = lettered(600, 400, 40, 40, 300)
    file = finished(picture, wanted=wanted, bucket=bucket)
    assert file.plan.format == written
    assert file.reasons.text() == f"f={written}:graphic,q=lossless"
    assert opened(file).convert("RGB").tobytes() == picture.tobytes()
    assert len(file.body) < len(finished(picture, f"f_{wanted},q_auto", wanted=wanted, bucket=None).body)


def test_a_drawing_that_becomes_png_has_the_bits_that_were_asked_for() -> None:
    file = finished(quadrants(600, 400), wanted="jpg", bucket="legacy", bits=8)
    assert (file.plan.format, opened(file).mode) == ("png", "P")


def test_a_drawing_that_is_png_already_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    save = Image.Image.save

    def counted(image: Image.Image, file: io.BytesIO, **options: str) -> None:
        written.append(options["format"])
        save(image, file, **options)

    monkeypatch.setattr(Image.Image, "save", counted)
    picture = quadrants(100, 80).convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    assert finished(picture, wanted="png", bucket="legacy").reasons.text() == "f=png:graphic"
    assert written == ["PNG"]


def test_a_drawing_that_is_smaller_with_loss_keeps_its_format() -> None:
    noise = grainy(600, 400)
    picture = Image.new("RGB", (600, 400), "white")
    picture.paste(noise.crop((0, 0, 600, 150)))
    file = finished(picture, wanted="avif", bucket="avif")
    assert is_drawing(picture)
    assert file.reasons.text().startswith("f=avif:graphic,q=")


def test_lossless_is_not_written_where_it_does_not_fit() -> None:
    file = finished(lettered(600, 400, 40, 40, 300), wanted="jpg", bucket="legacy", fits=lambda name: name != "png")
    assert file.plan.format == "jpg"


def test_what_was_not_left_to_us_is_written_as_asked() -> None:
    file = finished(lettered(600, 400, 40, 40, 300), "q_80", wanted="jpg", bucket=None)
    assert (file.plan.format, file.reasons.text()) == ("jpg", "")


def test_transparency_that_shows_is_kept_and_named() -> None:
    picture = grainy(300, 200).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((300, 200)))
    file = finished(picture, wanted="png", bucket="legacy")
    assert (file.plan.format, file.reasons.text()) == ("png", "f=png:alpha")
    assert opened(file).mode == "RGBA"
    file = finished(picture, wanted="avif", bucket="avif")
    assert file.reasons.text().startswith("f=avif:alpha,q=")
    assert opened(file).mode == "RGBA"


def test_transparency_that_nobody_sees_costs_nothing() -> None:
    file = finished(grainy(300, 200).convert("RGBA"), wanted="png", bucket="legacy")
    assert file.plan.format == "jpg"
    assert not file.plan.has_alpha
    assert file.reasons.text().startswith("f=jpg:photo,q=")


def test_a_format_that_was_passed_over_for_its_size_is_named() -> None:
    picture = grainy(1100, 1000)
    assert cannot_write("avif", picture.size, LIMITS)
    assert finished(picture, wanted="webp", bucket="avif").reasons.text().startswith("f=webp:size,q=")


def test_an_animation_takes_the_usual_number() -> None:
    file = finished(quadrants(100, 100), wanted="webp", bucket="avif", frames=2)
    assert file.reasons.text().startswith("f=webp:animation,q=")
    assert file.reasons.text().endswith(":usual")


def test_png_has_no_number() -> None:
    assert finished(veiled(100, 100), "q_auto", wanted="png", bucket=None).reasons.text() == ""


def test_a_drawing_is_looked_for_up_to_a_size() -> None:
    side = int(GRAPHIC_PIXELS_MAX**0.5)
    assert is_drawing(Image.new("RGB", (side, side)))
    assert not is_drawing(Image.new("RGB", (side, side + 1)))
    assert not is_drawing(grainy(200, 200))
    assert not is_drawing(Image.new("RGB", (1, 100)))


def test_the_choice_does_not_change_the_size() -> None:
    file = finished(lettered(600, 400, 40, 40, 300), wanted="avif", bucket="avif")
    assert replace(file.plan, format="avif").size == opened(file).size == (600, 400)

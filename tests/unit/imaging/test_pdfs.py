"""Pages of a PDF: the right one, at the right size, on white; and documents that mean harm."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image

from domicile.imaging.job import Done, MediaLimits, ProbeJob, Refused, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.probe import probe
from tests.corpus import require_corpus
from tests.pictures.pdfs import (
    HUGE_PAGE,
    ITSELF,
    LOOPED_TREE,
    MANY_PAGES,
    QUARTERS,
    REMOTE,
    SCRIPT,
    TWO_PAGES,
    deflate_bomb,
    pdf,
)

LIMITS = MediaLimits()
PROBE = ProbeJob(limits=LIMITS, pdf=True)
QUADRANTS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


def shown(body: bytes, transformation: str = "", extension: str | None = "png") -> Image.Image:
    job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=LIMITS)
    outcome, made = render(body, job)
    assert isinstance(outcome, Done), outcome
    return Image.open(io.BytesIO(made)).convert("RGB")


def quarters(image: Image.Image) -> list[object]:
    x, y = image.width // 4, image.height // 4
    return [image.getpixel((a, b)) for b in (y, 3 * y) for a in (x, 3 * x)]


def test_facts_are_those_of_the_first_page_at_150_pixels_an_inch() -> None:
    outcome = probe(TWO_PAGES, PROBE)
    assert isinstance(outcome, Done)
    facts = outcome.source
    assert (facts.format, facts.width, facts.height, facts.frames) == ("pdf", 417, 208, 2)
    assert (facts.has_alpha, facts.is_animated) == (False, False)


def test_a_page_of_the_corpus_is_drawn() -> None:
    body = (require_corpus() / "media/pdf/cc0_text.pdf").read_bytes()
    outcome = probe(body, PROBE)
    assert isinstance(outcome, Done)
    assert (outcome.width, outcome.height, outcome.frames) == (1240, 1754, 10)
    first, second = shown(body, "w_300"), shown(body, "pg_2,w_300")
    assert first.size == second.size == (300, 424)
    assert first.tobytes() != second.tobytes()
    assert first.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("transformation", "size"),
    [("", (417, 208)), ("dn_72", (200, 100)), ("dn_300", (833, 417)), ("dn_72,w_50", (50, 25)), ("w_800", (800, 399))],
)
def test_the_density_says_how_large_and_a_width_how_sharp(transformation: str, size: tuple[int, int]) -> None:
    image = shown(pdf(("/MediaBox[0 0 200 100]", QUARTERS)), transformation)
    assert image.size == size
    assert quarters(image) == QUADRANTS


def test_a_turned_page_is_upright_and_a_missing_one_refused() -> None:
    page = shown(TWO_PAGES, "pg_2,dn_72")
    assert page.size == (200, 100)
    assert [page.getpixel((x, 50)) for x in (50, 150)] == [(255, 0, 0), (255, 255, 255)]
    outcome, _ = render(TWO_PAGES, RenderJob(transformation="pg_3", extension="png", bucket="", limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert "there are 2" in outcome.message


def test_a_crop_shows_that_part_sharp() -> None:
    body = pdf(("/MediaBox[0 0 200 100]", QUARTERS))
    image = shown(body, "dn_72,c_crop,x_90,y_40,w_20,h_20/c_scale,w_1000")
    assert image.size == (1000, 1000)
    assert [image.getpixel(place) for place in ((490, 490), (510, 490), (490, 510), (510, 510))] == QUADRANTS


@pytest.mark.parametrize("extension", [None, "pdf"])
def test_a_document_is_handed_out_as_its_page(extension: str | None) -> None:
    job = RenderJob(transformation="", extension=extension, bucket="", limits=LIMITS)
    outcome, made = render(TWO_PAGES, job)
    assert isinstance(outcome, Done)
    assert outcome.content_type == "image/jpeg"
    assert b"Somebody" not in made


def test_no_pdf_is_opened_where_none_is_accepted() -> None:
    for body in (TWO_PAGES, b"%PDF-nonsense"):
        outcome = probe(body, ProbeJob(limits=LIMITS))
        assert isinstance(outcome, Refused)
        assert "policy" in outcome.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"%PDF-1.7", "undecodable_media"),
        (pdf(), "undecodable_media"),
        (HUGE_PAGE, "limit_exceeded"),
        (MANY_PAGES, "limit_exceeded"),
        (TWO_PAGES[:150], "undecodable_media"),
    ],
)
def test_a_bad_document_is_refused(body: bytes, code: str) -> None:
    outcome = probe(body, PROBE)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize("body", [SCRIPT, REMOTE])
def test_what_a_document_wants_to_do_is_not_done(body: bytes) -> None:
    assert quarters(shown(body)) == QUADRANTS


@pytest.mark.parametrize("body", [LOOPED_TREE, ITSELF, deflate_bomb(60)])
def test_loops_and_bombs_end(body: bytes) -> None:
    assert isinstance(probe(body, PROBE), Done | Refused)


def test_pixels_are_counted_at_the_density_that_is_asked_for() -> None:
    limits = msgspec.structs.replace(LIMITS, source_pixels_max=100_000)
    job = RenderJob(transformation="dn_300", extension="png", bucket="", limits=limits)
    outcome, _ = render(TWO_PAGES, job)
    assert isinstance(outcome, Refused)
    assert outcome.code == "limit_exceeded"

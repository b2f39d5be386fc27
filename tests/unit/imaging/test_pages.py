"""What a page claims; its pixels are in tests/vectors/picture/page.txt."""

from __future__ import annotations

import msgspec
import pytest

from domicile.imaging.job import Done, MediaLimits, Refused, RenderJob
from domicile.imaging.pages import page_of
from domicile.imaging.pipeline import render
from domicile.imaging.source import open_source
from domicile.media.errors import BadTransformation, LimitExceeded
from tests.pictures.synthetic import animation, pages, quadrants, saved, tiff_pages

LIMITS = MediaLimits()


def test_a_page_has_its_own_facts() -> None:
    source = open_source(pages(80, 40), LIMITS)
    facts = [page_of(source, number, LIMITS).facts() for number in (1, 2, 3)]
    assert [(one.width, one.height) for one in facts] == [(80, 40), (40, 20), (80, 40)]
    assert [one.has_alpha for one in facts] == [False, False, True]
    assert [one.orientation for one in facts] == [1, 1, 6]
    assert {one.frames for one in facts} == {1}


def test_without_a_page_nothing_changes() -> None:
    source = open_source(animation("GIF"), LIMITS)
    assert page_of(source, None, LIMITS) is source


@pytest.mark.parametrize("body", [animation("GIF"), animation("WEBP"), animation("PNG"), pages(80, 40)])
def test_a_page_that_is_not_there_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(BadTransformation, match=r"pg_4 \(there are 3\)"):
        page_of(open_source(body, LIMITS), 4, LIMITS)


def test_a_page_is_held_to_the_limits() -> None:
    body = tiff_pages([quadrants(10, 10), quadrants(200, 100)], turned_last=1)
    small = msgspec.structs.replace(LIMITS, source_pixels_max=10_000)
    source = open_source(body, small)
    assert page_of(source, 1, small).facts().width == 10
    with pytest.raises(LimitExceeded):
        page_of(source, 2, small)


def test_the_facts_of_an_answer_are_those_of_all_of_it() -> None:
    asked = RenderJob(transformation="pg_2", extension="png", bucket="", limits=LIMITS)
    done = render(animation("GIF"), asked)[0]
    assert isinstance(done, Done)
    assert (done.source.frames, done.frames) == (3, 1)
    assert isinstance(render(saved(quadrants(4, 4)), asked)[0], Refused)

from __future__ import annotations

import pytest

from domicile.imaging.job import MediaLimits
from domicile.imaging.plan_limits import plan_limits
from domicile.media.cost import PIXELS_MIN, pixels_of, pixels_of_bytes
from domicile.media.facts import SourceFacts

LIMITS = plan_limits(MediaLimits())
MP = 1_000_000


def facts(width: int, height: int, *, format_: str = "jpg", frames: int = 1) -> SourceFacts:
    return SourceFacts(
        format=format_, width=width, height=height, frames=frames, has_alpha=False, orientation=1, body_bytes=1, md5=""
    )


@pytest.mark.parametrize(
    "text, source, extension, pixels",
    [
        ("", facts(4000, 3000), None, 12 * MP),
        ("c_scale,w_2000", facts(4000, 3000), "jpg", 15 * MP),
        ("c_scale,w_5000/c_scale,w_100", facts(1000, 1000), "jpg", 26 * MP),
        ("c_scale,w_10", facts(20, 20), "jpg", PIXELS_MIN),
        ("c_scale,w_2000/l_a/l_b,w_5/fl_layer_apply", facts(4000, 3000), "jpg", 15 * MP),
        ("c_scale,w_500", facts(1000, 1000, format_="gif", frames=8), None, 10 * MP),
        ("c_scale,w_500", facts(1000, 1000, format_="gif", frames=8), "webp", 10 * MP),
        ("c_scale,w_500", facts(1000, 1000, format_="gif", frames=8), "jpg", 1_250_000),
        ("c_scale,w_500", facts(1000, 1000, format_="tiff", frames=8), "webp", 1_250_000),
    ],
)
def test_it_is_the_pixels_of_the_original_and_of_the_largest_step_times_frames(
    text: str, source: SourceFacts, extension: str | None, pixels: int
) -> None:
    assert pixels_of(text, source, extension, LIMITS) == pixels


@pytest.mark.parametrize("text", ["c_scale,w_60000,h_60000", "nonsense", "c_crop,x_9000,y_9000,w_10,h_10"])
def test_what_cannot_be_planned_costs_its_opening(text: str) -> None:
    assert pixels_of(text, facts(2000, 1000), None, LIMITS) == 2 * MP


def test_pictures_that_are_laid_over_it_are_opened_too() -> None:
    limits = plan_limits(MediaLimits())
    alone = pixels_of("c_scale,w_1000", facts(1000, 1000), None, limits)
    layers = [facts(700, 500), facts(300, 100)]
    assert pixels_of("c_scale,w_1000", facts(1000, 1000), None, limits, layers) == alone + 700 * 500 + 300 * 100


def test_a_file_that_nobody_opened_is_judged_by_its_length() -> None:
    assert pixels_of_bytes(0, 120 * MP) == PIXELS_MIN
    assert pixels_of_bytes(3 * MP, 120 * MP) == 12 * MP
    assert pixels_of_bytes(100 * MP, 120 * MP) == 120 * MP

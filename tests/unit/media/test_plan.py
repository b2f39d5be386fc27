"""Everything is decided before a pixel is touched: order, limits, the window that the decoder applies."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.negotiate import choose_format
from domicile.media.params.flags import (
    ANIMATED,
    ATTACHMENT,
    BASELINE,
    FLAGS,
    KEEPING,
    OF_LAYERS,
    PNG_BITS,
    PROGRESSIVE,
    WITHOUT_EFFECT,
)
from domicile.media.plan import Plan, make_plan
from domicile.media.stage import PlanLimits, Stage
from tests.unit.media.plans import FACTS, LIMITS


def plan(text: str, output_format: str = "jpg", facts: SourceFacts = FACTS, limits: PlanLimits = LIMITS) -> Plan:
    """The plan of a text."""
    return make_plan(parse_transformation(text), facts, output_format, limits)


def test_nothing_asked_for_is_the_whole_picture_untouched() -> None:
    made = plan("")
    assert made.untouched
    assert made.size == (400, 200)
    assert made.stages == ()
    assert not made.window.changes((400, 200))


def test_a_changed_format_is_not_untouched() -> None:
    assert not plan("", "png").untouched
    assert plan("fl_attachment").untouched
    assert not plan("q_80").untouched


def test_a_crop_and_a_resize_become_one_window_for_the_decoder() -> None:
    made = plan("c_crop,h_100,w_100,x_50,y_50/w_10")
    assert made.window.box == (50, 50, 150, 150)
    assert made.window.size == (10, 10)
    assert made.stages == ()


def test_two_resizes_stay_two() -> None:
    made = plan("w_10/w_100")
    assert made.window.size == (10, 5)
    assert [stage.size for stage in made.stages] == [(100, 50)]


def test_an_effect_ends_what_the_decoder_may_do() -> None:
    made = plan("w_100/e_grayscale/w_50")
    assert made.window.size == (100, 50)
    assert [stage.size for stage in made.stages] == [(100, 50), (50, 25)]


def test_the_window_is_in_stored_coordinates() -> None:
    turned = msgspec.structs.replace(FACTS, orientation=6)
    made = plan("c_crop,g_north_east,h_50,w_100", facts=turned)
    # Upright 400x200 is stored as 200x400; its top-right corner is the stored top-left.
    assert made.orientation == 6
    assert made.window.box == (0, 0, 50, 100)
    assert made.size == (100, 50)


def test_ignoring_the_orientation_plans_for_the_stored_size() -> None:
    turned = msgspec.structs.replace(FACTS, orientation=6)
    made = plan("a_ignore,w_100", facts=turned)
    assert made.orientation == 1
    assert made.size == (100, 200)


@pytest.mark.parametrize("text", ["w_10001", "h_9000", "w_1000/w_10001", "w_1400,c_mfit", "c_pad,h_1001,w_1000"])
def test_a_result_over_a_limit_is_refused(text: str) -> None:
    limits = dataclasses.replace(LIMITS, output_pixels_max=900_000) if text == "w_1400,c_mfit" else LIMITS
    with pytest.raises(LimitExceeded):
        plan(text, limits=limits)


def test_an_original_that_keeps_its_pixels_has_the_limits_of_originals() -> None:
    large = msgspec.structs.replace(FACTS, width=1001, height=1000)
    for text in ("", "q_80", "f_webp,q_auto", "fl_progressive"):
        assert plan(text, facts=large).size == (1001, 1000)
    for text in ("e_blur", "a_hflip", "o_50", "r_3", "w_1002", "b_red,c_pad,h_1000,w_1001"):
        with pytest.raises(LimitExceeded, match="1000000 pixels"):
            plan(text, facts=large)


def test_a_side_is_limited_apart_from_the_pixels() -> None:
    assert plan("c_scale,h_1,w_10000", "png").size == (10_000, 1)
    with pytest.raises(LimitExceeded, match="width/height is 10000"):
        plan("c_scale,h_1,w_10001", "png")


def test_a_step_in_between_is_limited_too() -> None:
    with pytest.raises(LimitExceeded):
        plan("c_pad,h_5000,w_5000/w_10")


def test_an_animation_is_limited_by_all_its_frames() -> None:
    animated = msgspec.structs.replace(FACTS, format="gif", frames=100)
    assert plan("w_100", "gif", animated).animated
    assert not plan("", "jpg", animated).animated
    with pytest.raises(LimitExceeded, match="animation"):
        plan("w_200", "gif", animated)
    assert plan("w_200", "jpg", animated).size == (200, 100)


def test_pages_of_a_document_are_not_an_animation() -> None:
    assert not plan("", "webp", msgspec.structs.replace(FACTS, format="tiff", frames=3)).animated


def test_a_png_stays_animated_only_when_it_was() -> None:
    assert plan("", "png", msgspec.structs.replace(FACTS, format="png", frames=3)).animated
    assert not plan("", "png", msgspec.structs.replace(FACTS, format="gif", frames=3)).animated


def test_transparency_is_followed_through_the_chain() -> None:
    for before, alpha in (("o_50", 0), ("o_50/b_white", 255)):
        padded = plan(f"{before}/c_pad,h_400,w_400", "png").stages[-1]
        assert isinstance(padded, Stage)
        assert padded.canvas is not None
        assert padded.canvas.color.alpha == alpha


def test_memory_is_estimated_before_pixels_exist() -> None:
    assert plan("w_100").pixel_bytes_max == 100 * 50 * 4
    assert plan("e_blur").pixel_bytes_max == 2 * 400 * 200 * 4
    assert plan("c_pad,h_400,w_400").pixel_bytes_max == (400 * 200 + 400 * 400) * 4


def test_pages_of_a_document_do_not_ask_for_an_animated_format() -> None:
    pages = msgspec.structs.replace(FACTS, format="tiff", frames=3)
    for bucket, expected in (("legacy", "jpg"), ("avif", "avif")):
        assert choose_format(parse_transformation("f_auto"), None, pages, bucket, lambda _: True) == expected
    assert choose_format(parse_transformation("w_10"), None, pages, "", lambda _: True) == "jpg"


ON, OFF = "fl_progressive", "fl_progressive:none"


@pytest.mark.parametrize(
    ("flag", "before"),
    [("getinfo", "w_10"), ("ignore_aspect_ratio", "w_10"), (BASELINE, f"{ON}/w_10")]
    + [(flag, "w_10") for flag in sorted(PROGRESSIVE - {BASELINE})],
)
def test_a_flag_changes_the_plan(flag: str, before: str) -> None:
    assert plan(f"{before},fl_{flag}") != plan(before)


@pytest.mark.parametrize("flag", sorted(WITHOUT_EFFECT | {ATTACHMENT}))
def test_a_flag_without_effect_changes_nothing(flag: str) -> None:
    assert plan(f"w_10,fl_{flag}") == plan("w_10")


def test_every_flag_is_one_or_the_other() -> None:
    known = (
        WITHOUT_EFFECT
        | PROGRESSIVE
        | ANIMATED
        | PNG_BITS.keys()
        | KEEPING
        | {ATTACHMENT, "getinfo", "ignore_aspect_ratio"}
    )
    assert known | OF_LAYERS == FLAGS


@pytest.mark.parametrize("flag", sorted(ANIMATED))
def test_an_animation_becomes_a_moving_png_only_where_that_is_asked_for(flag: str) -> None:
    moving = msgspec.structs.replace(FACTS, format="gif", frames=3)
    assert not plan("w_10", "png", moving).animated
    assert plan(f"w_10,fl_{flag}", "png", moving).animated
    assert plan("w_10", "webp", moving).animated
    assert not plan(f"w_10,fl_{flag}", "jpg", moving).animated
    assert not plan(f"w_10,fl_{flag}", "png").animated


@pytest.mark.parametrize(("flag", "bits"), sorted(PNG_BITS.items()))
def test_bits_of_a_png_are_planned_for_a_still_png_alone(flag: str, bits: int) -> None:
    clear = msgspec.structs.replace(FACTS, has_alpha=True)
    assert plan(f"w_10,fl_{flag}", "png", clear).png_bits == bits
    assert plan(f"w_10,fl_{flag}", "png", clear).has_alpha is (bits != 24)
    assert plan(f"w_10,fl_{flag}", "webp", clear) == plan("w_10", "webp", clear)
    animated = msgspec.structs.replace(FACTS, format="png", frames=3)
    with pytest.raises(BadTransformation, match=rf"fl_{flag} \(not for animations\)"):
        plan(f"w_10,fl_{flag}", "png", animated)
    assert plan(f"w_10,fl_{flag}", "webp", animated).animated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ON, True),
        (f"{ON}:semi", True),
        (f"{ON}:steep", True),
        (OFF, False),
        (f"{ON}/{OFF}", False),
        (f"{OFF}/{ON}", True),
    ],
)
def test_the_last_word_about_scans_counts(text: str, expected: bool) -> None:
    assert plan(text).progressive is expected
    assert not plan(text, "png").progressive

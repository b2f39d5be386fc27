from __future__ import annotations

import pytest

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.grammar import GrammarLimits
from domicile.media.program import parse_segment
from domicile.media.transformation import Component
from domicile.media.url import parse

LIMITS = GrammarLimits()


def chain(text: str, limits: GrammarLimits = LIMITS) -> Chain:
    return chained([parse_segment(segment, limits) for segment in text.split("/")], limits)


def test_a_chain_without_anything_to_work_out_is_no_program() -> None:
    made = chain("w_5,c_scale/e_blur")
    assert (made.text, made.program) == ("c_scale,w_5/e_blur", None)


@pytest.mark.parametrize(
    "text,named",
    [
        ("w_$nosuch", "w_$nosuch ($nosuch is not set)"),
        ("w_$a/$a_5", "w_$a ($a is not set)"),
        ("$a_$b", "$a_$b ($b is not set)"),
        ("if_$a_gt_5/if_end", "if_$a_gt_5 ($a is not set)"),
        ("if_w_gt_5,w_3", "if_w_gt_5,w_3 (has no if_end)"),
        ("if_w_gt_5/if_else", "if_w_gt_5 (has no if_end)"),
        ("if_end", "if_end (has no condition before it)"),
        ("if_else/if_end", "if_else (has no condition before it)"),
        ("if_w_gt_5/if_else/if_else/if_end", "if_else (has no condition before it)"),
        ("if_w_gt_5/f_png/if_end", "f_png (not allowed inside a condition)"),
        ("if_w_gt_5,f_png/if_end", "f_png (not allowed inside a condition)"),
        ("if_w_gt_5/if_else,f_auto/if_end", "f_auto (not allowed inside a condition)"),
        ("if_w_gt_5/fl_attachment/if_end", "fl_attachment (not allowed inside a condition)"),
        ("if_fc_gt_1/if_end", "if_fc_gt_1"),
        ("if_w_gt_5,if_h_gt_5/if_end", "if_h_gt_5"),
        ("$a_1,$a_2", "$a_2"),
        ("$a", "$a"),
        ("$a_", "$a_"),
        ("$1a_5", "$1a_5"),
        ("f_$x", "f_$x"),
        ("fl_$x", "fl_$x"),
        ("pg_$x", "pg_$x"),
        ("cs_$x", "cs_$x"),
        ("if_w_gt_5/cs_srgb/if_end", "cs_srgb (not allowed inside a condition)"),
        ("e_$x_div_2,e_nosuch", "e_nosuch"),
        ("w_!5!", "w_!5!"),
        ("c_explode", "c_explode"),
        ("zz_$a", "zz_$a"),
        ("w_iw_div_2,w_5", "w_5"),
        ("w_iw_times_2", "w_iw_times_2"),
        ("$d_!x!/d_$d:..", "d_$d:.."),
        ("if_w_gt_5/d_nobody/if_end", "d_nobody (not allowed inside a condition)"),
        ("l_$a,w_iw", "l_$a"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        chain(text)
    assert caught.value.message == f"Invalid transformation component - {named}"


def test_a_component_is_not_written_beyond_its_limit() -> None:
    long = f"d_{'é' * 64},fl_attachment:{'%C3%A9' * 64}.ignore_aspect_ratio.preserve_transparency.immutable_cache,w_5"
    assert chain(long).text.startswith("d_%C3%A9")
    with pytest.raises(BadTransformation):
        chain(f"{long},l_text:Arial_20:{'é' * 380},b_red,co_red,bo_5px_solid_red,r_1:2:3:4,a_hflip.vflip.90")


def test_a_format_after_the_condition_is_known_before_the_picture() -> None:
    made = chain("if_w_gt_5/w_5/if_end/f_auto,w_iw")
    assert made.transformation.wanted_format == "auto"
    assert made.transformation.components[-1] == Component(format="auto")


@pytest.mark.parametrize(
    "text,limits,words",
    [
        ("$a_1/$b_2/$c_3", GrammarLimits(variables_max=2), "at most 2"),
        ("$a_1,$b_2,$c_3", GrammarLimits(variables_max=2), "at most 2"),
        ("if_w_gt_5/if_w_gt_6/if_w_gt_7/if_end/if_end/if_end", GrammarLimits(nesting_max=2), "at most 2"),
    ],
)
def test_a_program_keeps_its_limits(text: str, limits: GrammarLimits, words: str) -> None:
    assert chain(text)
    with pytest.raises(LimitExceeded, match=words):
        chain(text, limits)


def test_without_a_version_a_cut_condition_is_no_way_to_read_the_path() -> None:
    ways = parse("/demo/image/upload/w_5/if_w_gt_5/w_3/if_end/pic.jpg").candidates
    assert [(way.transformation_text, way.public_id) for way in ways] == [
        ("w_5/if_w_gt_5/w_3/if_end", "pic"),
        ("w_5", "if_w_gt_5/w_3/if_end/pic"),
        ("", "w_5/if_w_gt_5/w_3/if_end/pic"),
    ]
    with pytest.raises(BadTransformation, match="has no if_end"):
        parse("/demo/image/upload/w_5/if_w_gt_5/w_3/pic.jpg")

"""What a program comes to for one picture. The picture is 400x200, tagged a and b, with the context price=7."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domicile.media import evaluate as evaluate_module
from domicile.media.chain import chained
from domicile.media.errors import BadTransformation
from domicile.media.evaluate import Known, evaluate
from domicile.media.facts import SourceFacts
from domicile.media.grammar import DEFAULT_LIMITS, build_transformation
from domicile.media.outline import Outline, make_outline
from domicile.media.program import parse_segment

FACTS = SourceFacts(
    format="gif", width=400, height=200, frames=3, has_alpha=False, orientation=6, body_bytes=1, md5=""
)  # fmt: skip
KNOWN = Known(facts=FACTS, tags=("a", "b"), context={"price": "7", "name": "x y"})


def worked_out(text: str, known: Known = KNOWN) -> str:
    chain = chained([parse_segment(segment, DEFAULT_LIMITS) for segment in text.split("/")], DEFAULT_LIMITS)
    assert chain.program is not None
    return build_transformation(evaluate(chain.program, known))


@pytest.mark.parametrize(
    "text,plain",
    [
        ("w_iw_div_2", "w_200"),
        ("w_iw_div_3", "w_133"),
        ("w_iw_mul_2_div_3", "w_267"),
        ("h_ih_add_10_mul_2", "h_420"),  # from left to right: (200 + 10) * 2
        ("w_2_add_3_mul_4", "w_20"),
        ("w_iw_sub_ih_mod_30", "w_20"),
        ("w_2_pow_7", "w_128"),
        ("w_pc_mul_10_add_cp", "w_31"),
        ("w_iw_div_3_mul_3", "w_400"),
        ("w_100/w_w_div_2", "w_100/w_50"),
        ("w_100/h_h_mul_2,w_w", "w_100/h_100,w_100"),
        ("dpr_2.0,w_100/w_w_div_2", "dpr_2.0,w_100/w_50"),
        ("ar_iar_div_2,c_fill,w_50", "ar_1:1,c_fill,w_50"),
        ("w_100,h_100/ar_ar_mul_1.5,w_w", "h_100,w_100/ar_3:2,w_100"),
        ("w_1_div_4", "w_0.25"),
        ("$x_0.5/w_$x", "w_0.5"),
        ("$x_1.0/w_$x,h_$x", "h_1.0,w_1.0"),
        ("$x_0.5_mul_iw/w_$x", "w_200"),
        ("x_iw_div_8_sub_60,w_5,c_crop", "c_crop,w_5,x_-10"),
        ("x_1_div_2,w_5,c_crop", "c_crop,w_5,x_1"),
        ("$a_5,e_blur:$a,o_$a_mul_2,q_$a_add_1,r_$a:$a_add_1,a_$a_sub_10", "a_355,e_blur:5,o_10,q_6,r_5:6"),
        ("$a_5/$a_$a_add_1/w_$a", "w_6"),
        ("$m_!fill!/c_$m,w_10,h_10", "c_fill,h_10,w_10"),
        ("$c_!rgb:ff0000!,b_$c", "b_rgb:ff0000"),
        ("$q_!eco!/q_auto:$q", "q_auto:eco"),
        ("$p_ctx:!price!/w_$p_mul_10", "w_70"),
        ("dpr_1_add_0.5,w_10", "dpr_1.5,w_10"),
        ("pg_2/w_cp_mul_10", "pg_2/w_20"),
        ("pg_2,w_100/h_h_mul_2", "pg_2,w_100/h_100"),
        ("$t_5/e_trim:$t,w_iw_div_2", "e_trim:5,w_200"),
        ("c_fill,g_auto,h_50,w_100/w_w_div_2,h_h", "c_fill,g_auto,h_50,w_100/h_50,w_50"),
        ("$s_20/bo_2px_solid_red,e_shadow:$s,x_0,y_0/w_w_sub_4", "bo_2px_solid_rgb:ff0000,e_shadow:20,x_0,y_0/w_416"),
        ("e_blur:iw,e_sepia:pc", "e_sepia:3"),
    ],
)
def test_values_are_worked_out(text: str, plain: str) -> None:
    assert worked_out(text) == plain


@pytest.mark.parametrize(
    "condition",
    [
        "w_eq_400", "w_gte_400", "w_lte_400", "w_gt_399", "w_lt_401", "w_ne_399", "ar_eq_2:1", "ar_gt_16:9", "iar_eq_2.0",
        "h_mul_2_eq_w", "pc_gt_1", "cp_eq_1", "!a!_in_tags", "!a:b!_in_tags", "!b:a!_in_tags", "!c!_nin_tags",
        "!a:c!_nin_tags", "!a!_in_!a:b!", "ctx:!price!_eq_7", "ctx:!price!_gt_6.5", "ctx:!price!_eq_!7.0!",
        "ctx:!name!_eq_!x%20y!", "ctx:!none!_eq_!!", "ctx:!none!_ne_!x!", "5_in_!5:6!", "w_in_!400:500!", "isndef_$no",
        "w_gt_500_or_h_gt_100", "w_gt_500_or_h_gt_100_and_w_gt_300", "h_gt_100_and_w_gt_300_or_w_gt_900",
        "w_gt_1_or_w_gt_500_and_w_gt_600",
    ],
)  # fmt: skip
def test_a_condition_that_holds_and_its_opposite_branch(condition: str) -> None:
    assert worked_out(f"if_{condition}/e_grayscale/if_else/e_blur:7/if_end") == "e_grayscale"


@pytest.mark.parametrize(
    "condition",
    [
        "w_eq_401", "w_gt_400", "w_lt_400", "w_gte_401", "w_lte_399", "w_ne_400", "ar_lt_16:9", "!c!_in_tags",
        "!a:c!_in_tags", "!a!_nin_tags", "ctx:!price!_eq_8", "ctx:!name!_ne_!x%20y!", "ctx:!name!_eq_7", "isdef_$no",
        "w_gt_500_and_h_gt_100", "w_gt_500_and_h_gt_100_or_w_gt_900",
    ],
)  # fmt: skip
def test_a_condition_that_does_not_hold(condition: str) -> None:
    assert worked_out(f"if_{condition}/e_grayscale/if_else/e_blur:7/if_end") == "e_blur:7"


@pytest.mark.parametrize(
    "text,plain",
    [
        ("if_w_gt_500/e_grayscale/if_end/w_5", "w_5"),
        ("if_w_gt_500,e_grayscale/a_90/if_end,w_5", "w_5"),
        ("w_300/if_w_lt_400/a_90/if_end", "w_300/a_90"),
        ("if_w_gt_300/w_300/if_end/if_w_gt_350/e_blur/if_end", "w_300"),
        ("if_w_gt_500/if_h_gt_1/w_1/if_else/w_2/if_end/if_else/if_h_gt_1/w_3/if_else/w_4/if_end/if_end", "w_3"),
        ("if_w_gt_500/w_1/if_else/if_w_gt_300/w_2/if_else/w_3/if_end/if_end", "w_2"),
        ("if_w_gt_500/$a_1/if_else/$a_2/if_end/w_$a", "w_2"),
        ("$a_1/if_w_gt_500/$a_2/if_end/if_isdef_$a/w_$a/if_end", "w_1"),
        ("$a_1/if_isdef_$a_and_isndef_$b/w_$a/if_end", "w_1"),
        ("if_w_gt_500/w_$b_div_0/if_end/$b_1", None),
        ("$b_1/if_w_gt_500/w_$b_div_0/if_end/w_5", "w_5"),
        ("if_w_lt_5/w_3/if_end", ""),
    ],
)
def test_branches_are_taken_in_order(text: str, plain: str | None) -> None:
    if plain is None:
        with pytest.raises(BadTransformation, match=r"\$b is not set"):
            worked_out(text)
    else:
        assert worked_out(text) == plain


@pytest.mark.parametrize(
    "text,named",
    [
        ("w_iw_div_0", "w_iw_div_0"),
        ("w_iw_mod_0", "w_iw_mod_0"),
        ("w_0_pow_-1", "w_0_pow_-1"),
        ("w_2_pow_0.5", "w_2_pow_0.5"),
        ("w_2_pow_33", "w_2_pow_33"),
        ("$a_999999999/$a_$a_mul_$a", "$a_$a_mul_$a"),
        ("w_iw_sub_400", "w_0"),
        ("w_iw_sub_500", "w_-100"),
        ("w_iw_pow_2", "w_160000"),
        ("$a_!x!/w_$a_add_1", "w_$a_add_1"),
        ("$a_!explode!/c_$a", "c_explode"),
        ("$a_!5%2Ce_blur!/w_$a", "w_5%2Ce_blur"),
        ("e_nosuch:$a,$a_5", "e_nosuch:5"),
        ("if_ctx:!name!_gt_5/if_end", "if_ctx:!name!_gt_5"),
        ("if_w_gt_500/$a_1/if_end/w_$a", "w_$a"),
        ("e_trim/w_w_div_2", "w_w_div_2"),
        ("e_trim:$t,$t_5/if_ar_gt_1/if_end", "if_ar_gt_1"),
        ("c_fill_pad,w_5,h_5/w_w_div_2", "c_fill_pad,h_5,w_5 (needs g_auto)"),
    ],
)
def test_what_comes_to_nothing_sensible_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        worked_out(text)
    assert caught.value.message == f"Invalid transformation component - {named}"


def test_however_often_a_size_is_asked_for_it_is_planned_once_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = []

    def counted(*arguments: Any) -> Outline:
        planned.append(arguments)
        return make_outline(*arguments)

    monkeypatch.setattr(evaluate_module, "make_outline", counted)
    assert worked_out("w_100/h_w_add_h_add_w_add_h,w_w_mul_2/w_w_add_h_add_ar") == "w_100/h_300,w_200/w_501"
    assert len(planned) == 2


@pytest.mark.parametrize("text", ["pg_2/w_w_div_2", "w_w_div_2/pg_2", "if_h_gt_5/if_else,pg_3/if_end"])
def test_the_size_of_a_later_page_of_a_document_is_refused_where_it_is_asked_for(text: str) -> None:
    """A later page may have any size; that of an animation has the one that is known."""
    worked_out(text)
    document = replace(KNOWN, facts=msgspec.structs.replace(FACTS, format="tiff"))
    with pytest.raises(BadTransformation):
        worked_out(text, document)
    assert worked_out("pg_2,w_iw_div_2", document) == "pg_2,w_200"
    assert worked_out("pg_1/w_w_div_2", document) == "pg_1/w_200"

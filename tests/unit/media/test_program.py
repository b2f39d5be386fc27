from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from cloudinary.utils import cloudinary_url

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation
from domicile.media.grammar import COMPONENT_CHARS_MAX, GrammarLimits
from domicile.media.program import parse_segment
from domicile.media.url import parse

LIMITS = GrammarLimits()


def chain(text: str, limits: GrammarLimits = LIMITS) -> Chain:
    return chained([parse_segment(segment, limits) for segment in text.split("/")], limits)


@pytest.mark.parametrize(
    "text,canonical",
    [
        ("w_iw_div_2,c_scale", "c_scale,w_iw_div_2"),
        ("$b_2,$a_$b_mul_03,w_$a,c_fit", "$b_2,$a_$b_mul_3,c_fit,w_$a"),
        ("$a_1/e_blur:$a,r_5:$a,q_080", "$a_1/e_blur:$a,q_80,r_5:$a"),
        ("$a_1/e_blur:$a,e_negate,w_$a", "$a_1/e_negate,w_$a"),
        ("$a_1/e_negate,e_blur:$a", "$a_1/e_blur:$a"),
        ("if_w_gt_100,w_50,c_scale/if_else/e_blur/if_end", "if_w_gt_100,c_scale,w_50/if_else/e_blur/if_end"),
        ("if_ar_gt_32:18/if_end,w_5", "if_ar_gt_16:9/if_end,w_5"),
    ],
)
def test_a_program_has_one_canonical_text(text: str, canonical: str) -> None:
    made = chain(text)
    assert made.text == canonical
    assert made.program is not None
    assert chain(canonical) == made


def test_what_reads_tags_or_context_says_so() -> None:
    def reads(text: str) -> bool:
        program = chain(text).program
        assert program is not None
        return program.reads_labels

    assert reads("if_!a!_in_tags/if_end")
    assert reads("$a_ctx:!k!")
    assert reads("$a_!x!/if_ctx:!k!_eq_$a/if_end")
    assert not reads("$a_!tags!/if_w_gt_5/if_end")


def test_an_expression_keeps_its_limit() -> None:
    assert chain("w_iw_div_2_mul_3")
    with pytest.raises(BadTransformation, match="w_iw_div_2_mul_3"):
        chain("w_iw_div_2_mul_3", GrammarLimits(expression_terms_max=4))


def test_a_segment_is_not_read_beyond_its_limit_nor_written_beyond_it() -> None:
    with pytest.raises(BadTransformation):
        parse_segment("$a_!" + "x" * COMPONENT_CHARS_MAX + "!", LIMITS)
    with pytest.raises(BadTransformation):
        parse_segment(",".join(f"$a{n}_!{'é' * 60}!" for n in range(10)), LIMITS)


def test_what_the_sdk_writes_is_read() -> None:
    steps = [
        {"$size": 10},
        {"$double": "$size * 2", "width": "initial_width / 2 + $double", "crop": "scale", "effect": "blur:$size"},
        {"if": "aspect_ratio > 3:4 && width <= $size", "crop": "fill", "width": 80, "height": "height / 2"},
        {"effect": "grayscale"},
        {"if": "else", "radius": "$size:20"},
        {"if": "end"},
    ]
    url, _ = cloudinary_url("pic", transformation=steps, version=7, cloud_name="demo")
    [candidate] = parse(urlsplit(url).path).candidates  # whatever host the SDK is set to
    assert candidate.transformation_text == (
        "$size_10/$double_$size_mul_2,c_scale,e_blur:$size,w_iw_div_2_add_$double"
        "/if_ar_gt_3:4_and_w_lte_$size,c_fill,h_h_div_2,w_80/e_grayscale/if_else,r_$size:20/if_end"
    )
    assert candidate.program is not None

"""What a chain stands for: named transformations and the viewer's screen, put in before anything is keyed."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.grammar import DEFAULT_LIMITS, GrammarLimits
from domicile.media.pending import (
    DPR_MAX,
    FOR_DPR,
    FOR_WIDTH,
    NO_HINTS,
    Hints,
    may_follow_hints,
    read_definition,
    read_hints,
    read_named,
    settled,
)
from domicile.media.url import parse

NAMED = read_named(
    {
        "thumb": "c_fill,h_10,w_10",
        "two": "e_grayscale/a_90",
        "sized": "c_scale,w_$side",
        "cased": "if_w_gt_5/e_blur/if_end",
        "png": "f_png",
        "screen": "dpr_auto,w_auto",
        "broken": "c_explode",
    }
)


def put_in(text: str, hints: Hints = NO_HINTS, limits: GrammarLimits = DEFAULT_LIMITS) -> tuple[str, tuple[str, ...]]:
    [candidate] = parse(f"/demo/image/upload/{text}/v7/pic").candidates
    assert candidate.pending
    made = settled(candidate.pending, NAMED, hints, limits)
    assert not made.chain.pending
    return made.chain.text, made.vary


@pytest.mark.parametrize(
    "text,meant",
    [
        ("t_thumb", "c_fill,h_10,w_10"),
        ("t_two.thumb", "e_grayscale/a_90/c_fill,h_10,w_10"),
        ("w_5,t_two", "e_grayscale/a_90/w_5"),
        ("w_5/t_two/h_5", "w_5/e_grayscale/a_90/h_5"),
        ("$side_7/t_sized", "$side_7/c_scale,w_$side"),
        ("$side_7,t_sized,h_$side", "$side_7/c_scale,w_$side/h_$side"),
        (
            "if_w_gt_9,t_thumb/if_else/t_cased/if_end",
            "if_w_gt_9/c_fill,h_10,w_10/if_else/if_w_gt_5/e_blur/if_end/if_end",
        ),
        ("t_png", "f_png"),
    ],
)
def test_a_named_transformation_is_its_segments(text: str, meant: str) -> None:
    assert put_in(text) == (meant, ())


@pytest.mark.parametrize(
    "text,named",
    [
        ("t_nosuch", "t_nosuch"),
        ("t_thumb.nosuch", "t_nosuch"),
        ("t_broken", "t_broken"),
        ("t_sized", "c_scale,w_$side ($side is not set)"),
        ("t_sized/$side_5", "c_scale,w_$side ($side is not set)"),
        ("if_w_gt_5/t_png/if_end", "f_png (not allowed inside a condition)"),
    ],
)
def test_a_name_that_means_nothing_here_is_refused(text: str, named: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        put_in(text)
    assert caught.value.message == f"Invalid transformation component - {named}"


def test_a_chain_is_as_long_as_what_it_stands_for() -> None:
    assert put_in("t_two.two", limits=GrammarLimits(components_max=4))
    with pytest.raises(LimitExceeded, match="at most 3"):
        put_in("t_two.two", limits=GrammarLimits(components_max=3))


@pytest.mark.parametrize(
    "text", ["t_", "t_.a", "t_a.", "t_a..b", "t_a:b", "t_é", "t_" + ".".join("abcdefghijk"), "t_$a"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadTransformation):
        parse(f"/demo/image/upload/{text}/v7/pic")


def test_a_definition_may_leave_its_variables_to_who_uses_it_and_must_be_whole_otherwise() -> None:
    assert read_definition("c_scale,w_$side/if_w_gt_$side/e_blur/if_end", DEFAULT_LIMITS)
    for text in ("t_thumb", "w_5/t_two", "if_w_gt_5/e_blur", "if_end", "c_explode", "", "w_5//h_5"):
        with pytest.raises(BadTransformation):
            read_definition(text, DEFAULT_LIMITS)
    with pytest.raises(LimitExceeded):
        read_definition("/".join(["w_5"] * 21), DEFAULT_LIMITS)


# --- the viewer's screen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told,meant",
    [("", "1.0"), ("1", "1.0"), ("0.5", "1.0"), ("1.01", "2.0"), ("2", "2.0"), ("2.625", "3.0"), ("9", f"{DPR_MAX}.0")],
)
def test_a_density_is_rounded_up_to_a_whole_one(told: str, meant: str) -> None:
    assert put_in("dpr_auto,w_10", Hints(dpr=told)) == (f"dpr_{meant},w_10", FOR_DPR)


@pytest.mark.parametrize(
    "text,hints,meant",
    [
        ("w_auto", Hints(), "w_1.0"),
        ("w_auto:50:320", Hints(), "w_320"),
        ("w_auto", Hints(width="1"), "w_100"),
        ("w_auto", Hints(width="300"), "w_300"),
        ("w_auto", Hints(width="301"), "w_400"),
        ("w_auto:20", Hints(width="301"), "w_320"),
        ("w_auto:1000:5", Hints(width="99999"), "w_4000"),
        ("w_auto:50:320", Hints(viewport="360"), "w_400"),
        ("w_auto:50:320", Hints(viewport="360", dpr="2"), "w_750"),
        ("w_auto:50", Hints(viewport="360", width="110"), "w_150"),
        ("dpr_auto,w_auto", Hints(width="600", dpr="2"), "dpr_2.0,w_300"),
        ("dpr_auto,w_auto", Hints(viewport="360", dpr="2"), "dpr_2.0,w_400"),
        ("c_fill,h_w_div_2,w_auto", Hints(width="200"), "c_fill,h_w_div_2,w_200"),
        ("w_auto:breakpoints", Hints(), "w_auto:breakpoints_50_1000_20_10:1000"),
        ("w_auto:breakpoints:320", Hints(), "w_auto:breakpoints_50_1000_20_10:320"),
        ("w_auto:breakpoints_100_800_9_5:320", Hints(width="411"), "w_auto:breakpoints_100_800_9_5:500"),
        ("w_auto:breakpoints_100_800_9_5", Hints(width="4000"), "w_auto:breakpoints_100_800_9_5:800"),
        ("t_screen", Hints(width="600", dpr="1.5"), "dpr_2.0,w_400"),
    ],
)
def test_a_width_is_rounded_up_to_its_step(text: str, hints: Hints, meant: str) -> None:
    assert put_in(text, hints) == (meant, FOR_WIDTH)


@pytest.mark.parametrize(
    "text",
    ["w_auto:9", "w_auto:1001", "w_auto:breakpoints:json:5", "w_auto:breakpoints_1_2_3", "w_auto:100:0", "w_auto:100:4001",
     "w_auto:100:5:6", "w_auto:", "h_auto", "dpr_auto:2", "w_auto:$a", "w_auto,w_5"],
)  # fmt: skip
def test_what_follows_no_screen_is_refused(text: str) -> None:
    with pytest.raises(BadTransformation):
        parse(f"/demo/image/upload/{text}/v7/pic")


def test_hints_are_read_under_both_their_names_and_only_as_plain_numbers() -> None:
    assert read_hints({"Sec-CH-DPR": "2.0", "Width": "300", "Sec-CH-Viewport-Width": "360"}) == Hints(
        dpr="2.0", width="300", viewport="360"
    )
    assert read_hints({"DPR": "1.5", "Sec-CH-DPR": "2"}).dpr == "1.5"
    for odd in ("", "0", "0.0", "-1", "1e3", "nan", "inf", " 1", "1,2", "٣", "123456", "1." + "3" * 7):
        assert read_hints({"DPR": odd, "Width": odd, "Viewport-Width": odd}) == NO_HINTS


@pytest.mark.parametrize("path", ["/demo/w_auto/a", "/demo/dpr_auto,w_5/a", "/demo/t_screen/a", "/demo/w_5,t_a.b/a"])
def test_a_path_that_follows_hints_is_never_overlooked(path: str) -> None:
    assert may_follow_hints(path)
    assert not may_follow_hints("/demo/image/upload/c_fill,w_5/v1/pic.jpg")

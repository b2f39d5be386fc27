from __future__ import annotations

import msgspec
import pytest

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation, BadUrl, LimitExceeded
from domicile.media.evaluate import Known, evaluate
from domicile.media.grammar import GrammarLimits, build_transformation, parse_transformation
from domicile.media.layer import Layer, LayerName
from domicile.media.pending import NO_HINTS, read_named, settled
from domicile.media.program import parse_segment
from domicile.media.text import TextLayer
from domicile.media.url import parse
from tests.unit.media.plans import FACTS

LIMITS = GrammarLimits()
LOGO = LayerName("upload", "logo")


def chain(text: str, limits: GrammarLimits = LIMITS) -> Chain:
    return chained([parse_segment(segment, limits) for segment in text.split("/")], limits)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("l_logo", Layer(LOGO)),
        ("u_logo", Layer(LOGO, is_under=True)),
        ("l_a:b%2Cc", Layer(LayerName("upload", "a/b,c"))),
        ("l_private:a:b", Layer(LayerName("private", "a/b"))),
        ("l_upload:private:b", Layer(LayerName("upload", "private/b"))),
        ("l_fetch:aHR0cHM6Ly9hLmV1L2IucG5n", Layer(LayerName("fetch", "https://a.eu/b.png"))),
        ("u_fetch:aHR0cHM6Ly9hLmV1L2I_eD0x", Layer(LayerName("fetch", "https://a.eu/b?x=1"), is_under=True)),
        ("l_upload:fetch:b", Layer(LayerName("upload", "fetch/b"))),
    ],
)
def test_a_layer_names_a_picture_of_the_cloud(text: str, layer: Layer) -> None:
    assert parse_transformation(text).components[0].layer == layer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("l_fetch:ZmlsZTovLy9ldGMvcGFzc3dk", "l_fetch:ZmlsZTovLy9ldGMvcGFzc3dk"),
        ("l_fetch:https:a.eu", "l_fetch:https:a.eu"),
        ("u_video:dog", "u_video (not supported)"),
        ("l_lut:a.3dl", "l_lut (not supported)"),
        ("l_subtitles:a.srt", "l_subtitles (not supported)"),
    ],
)
def test_what_is_no_picture_of_the_cloud_is_refused_by_its_kind_alone(text: str, reason: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        chain(text)
    assert caught.value.message == f"Invalid transformation component - {reason}"


def test_the_names_of_all_branches_are_told_once_in_order() -> None:
    made = chain("l_b,w_5/if_w_gt_5/l_a/fl_layer_apply/if_else/u_private:c,w_iw/if_end/l_b,w_iw")
    assert made.layers == (LayerName("upload", "b"), LayerName("upload", "a"), LayerName("private", "c"))


def test_a_candidate_tells_its_own_names() -> None:
    long, short = parse("/demo/image/upload/l_a/l_b/c/pic.jpg").candidates[:2]
    assert [name.text for name in long.layers] == ["upload/a", "upload/b"]
    assert [name.text for name in short.layers] == ["upload/a"]


def test_named_transformations_bring_their_layers() -> None:
    candidate = parse("/demo/image/upload/t_mark/v1/pic.jpg").candidates[0]
    assert candidate.layers == ()
    chain = settled(candidate.pending, read_named({"mark": "l_logo,w_50/e_sepia"}), NO_HINTS, LIMITS).chain
    assert candidate.settled(chain).layers == chain.layers == (LOGO,)


@pytest.mark.parametrize("text", ["l_a/l_a/l_a", "if_w_gt_5/l_a/if_else/u_a/l_b,w_iw/if_end"])
def test_layers_are_limited_however_often_they_show_the_same(text: str) -> None:
    assert chain(text)
    with pytest.raises(LimitExceeded, match="Too many layers - at most 2"):
        chain(text, GrammarLimits(layers_max=2))


def test_a_decoder_counts_layers_too() -> None:
    with pytest.raises(LimitExceeded, match="Too many layers"):
        parse_transformation("l_a/l_a/l_a", GrammarLimits(layers_max=2))


def text_of(text: str) -> str:
    layer = parse_transformation(text).components[0].layer
    assert layer is not None
    assert isinstance(layer.content, TextLayer)
    return layer.content.characters


def test_commas_and_slashes_of_a_text_are_encoded_twice() -> None:
    assert text_of("l_text:Arial_20:1%252F2%252C%203") == "1/2, 3"
    assert text_of("w_5,l_text:Arial_20:a%2Cb,g_north") == "a,b"


def test_a_text_may_have_lines_and_nothing_else_may() -> None:
    [candidate] = parse("/demo/image/upload/l_text:Arial_20:one%0Atwo,g_north/v1/pic.jpg").candidates
    assert candidate.transformation_text == "g_north,l_text:Arial_20:one%0Atwo"
    assert candidate.signed_text == "l_text:Arial_20:one%0Atwo,g_north/pic.jpg"
    for path in (
        "l_text:Arial_20:one%0Dtwo/v1/pic.jpg",
        "l_one%0Atwo/v1/pic.jpg",
        "v1/one%0Atwo.jpg",
        "w_5/l_text:a%0Ab.jpg",
        "l_text:Arial_20:a%0Ab/%0A/v1/pic.jpg",
    ):
        with pytest.raises((BadUrl, BadTransformation)):
            parse(f"/demo/image/upload/{path}")


@pytest.mark.parametrize(
    ("text", "limits", "words"),
    [
        ("l_text:Arial_20:abcdef", GrammarLimits(text_chars_max=5), "text_chars_max"),
        ("l_text:Arial_20:abc", GrammarLimits(font_size_max=19), "font_size_max"),
        ("if_w_gt_5/l_text:Arial_20:abcdef/if_end", GrammarLimits(text_chars_max=5), "text_chars_max"),
        ("l_a/l_b/l_c/fl_layer_apply/fl_layer_apply/fl_layer_apply", GrammarLimits(nesting_max=2), "nested too deeply"),
    ],
)
def test_texts_and_nesting_have_limits(text: str, limits: GrammarLimits, words: str) -> None:
    assert chain(text)
    with pytest.raises(LimitExceeded, match=words):
        chain(text, limits)


KNOWN = Known(facts=msgspec.structs.replace(FACTS, width=400, height=200), context={"who": "Ada, L."})


def evaluated(text: str) -> str:
    program = chain(text).program
    assert program is not None
    return build_transformation(evaluate(program, KNOWN))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("$name_!Ada!/l_text:Arial_20:Hello $(name)", "l_text:Arial_20:Hello%20Ada"),
        ("$n_3_add_4/l_text:Arial_20:$(n)%20of%20$(iw)", "l_text:Arial_20:7%20of%20400"),
        ("$w_!mine!/l_text:Arial_20:$(w),w_50", "l_text:Arial_20:mine,w_50"),
        ("c_scale,w_100/l_text:Arial_20:$(w)x$(h)", "c_scale,w_100/l_text:Arial_20:100x50"),
        ("l_text:Arial_20:$(ctx:!who!)", "l_text:Arial_20:Ada%252C%20L."),
        ("$a_!$(b)!,$b_!x!/l_text:Arial_20:$(a)", "l_text:Arial_20:%24%28b%29"),
        ("$a_5/l_text:Arial_20:$(a)/w_$a/fl_layer_apply", "l_text:Arial_20:5/w_5/fl_layer_apply"),
        ("if_iw_gt_5/l_logo/fl_layer_apply,g_north/if_else/u_b/if_end", "l_logo/fl_layer_apply,g_north"),
        ("if_iw_gt_500/l_logo/fl_layer_apply,g_north/if_else/u_b/if_end", "u_b"),
        ("l_logo/if_iw_gt_5/w_50/if_end/fl_layer_apply", "l_logo/w_50/fl_layer_apply"),
        ("l_logo,fl_no_overflow/w_w_div_2", "fl_no_overflow,l_logo/w_200"),
    ],
)
def test_layers_and_texts_are_worked_out(text: str, made: str) -> None:
    assert evaluated(text) == made


@pytest.mark.parametrize(
    "text", ["l_logo/w_w_div_2", "l_logo/w_w_div_2/fl_layer_apply.no_overflow", "l_logo/if_w_gt_5/w_5/if_end"]
)
def test_a_size_that_a_layer_may_have_changed_is_not_known(text: str) -> None:
    with pytest.raises(BadTransformation):
        evaluated(text)


def test_what_a_branch_leaves_open_is_refused_when_it_is_taken() -> None:
    text = "if_iw_gt_5/w_5/if_else/l_logo/if_end/fl_layer_apply"
    with pytest.raises(BadTransformation, match="there is no layer to apply"):
        evaluated(text)
    assert evaluated(text.replace("gt", "lt")) == "l_logo/fl_layer_apply"


def test_a_text_reads_only_what_is_set() -> None:
    with pytest.raises(BadTransformation, match=r"\$nobody is not set"):
        chain("l_text:Arial_20:Hello%20$(nobody)")
    assert chain("l_text:Arial_20:$(ctx:!a!)").program is not None
    assert chain("l_text:Arial_20:5$ (and)").program is None


def test_a_named_transformation_may_leave_its_text_to_be_filled() -> None:
    pending = parse("/demo/image/upload/$who_!Ada!/t_badge/v1/pic.jpg").candidates[0].pending
    made = settled(pending, read_named({"badge": "l_text:Arial_20:$(who),g_north"}), NO_HINTS, LIMITS).chain
    assert made.program is not None
    assert build_transformation(evaluate(made.program, KNOWN)) == "g_north,l_text:Arial_20:Ada"

from __future__ import annotations

import pytest

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.grammar import GrammarLimits, parse_transformation
from domicile.media.layer import Layer, LayerName
from domicile.media.pending import NO_HINTS, read_named, settled
from domicile.media.program import parse_segment
from domicile.media.url import parse

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
    ],
)
def test_a_layer_names_a_picture_of_the_cloud(text: str, layer: Layer) -> None:
    assert parse_transformation(text).components[0].layer == layer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("l_fetch:aHR0cHM6Ly9hLmV1L2IucG5n", "l_fetch (remote pictures are not enabled)"),
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

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from domicile.imaging.job import MediaLimits
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.grammar import (
    CLOUDINARY_KEYS,
    COMPONENT_CHARS_MAX,
    PARAMETERS,
    GrammarLimits,
    build_transformation,
    looks_like_component,
    parse_component,
    parse_transformation,
)
from domicile.media.layer import Layer, LayerName
from domicile.media.params.color import NAMED
from domicile.media.transformation import Border, Color, Component, Crop, Effect, Gravity, Pixels, Quality, Radii, Share
from tests.corpus import require_corpus

VECTORS = Path(__file__).parents[2] / "vectors" / "url"


def canonical_rows() -> list[tuple[str, str]]:
    with (VECTORS / "transformations.tsv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["canonical"]) for row in csv.DictReader(file, delimiter="\t")]


@pytest.mark.parametrize("text,canonical", canonical_rows())
def test_a_transformation_has_one_canonical_text(text, canonical):
    assert build_transformation(parse_transformation(text)) == canonical
    assert parse_transformation(canonical) == parse_transformation(text)


@pytest.mark.parametrize("text", (VECTORS / "refused_components.txt").read_text(encoding="utf-8").split("\n")[:-1])
def test_what_is_not_supported_or_malformed_is_refused(text):
    with pytest.raises(BadTransformation, match=r"^Invalid transformation component - "):
        parse_component(text)


def test_every_part_of_a_component_is_read():
    text = (
        "a_90.hflip,ar_16:9,b_red,bo_2px_solid_lime,c_fill,co_blue,cs_srgb,d_a:b.png,dn_72,dpr_2.0,e_blur:300,f_auto,"
        "fl_attachment:cat.progressive:semi,g_south_west,h_0.5,l_a:logo,o_40,pg_2,q_auto:eco,r_1:2:3:4,w_300,x_-5,y_0.25,z_0.75"
    )
    assert parse_component(text) == Component(
        width=Pixels(300),
        height=Share(0.5),
        aspect=16 / 9,
        crop=Crop.FILL,
        gravity=Gravity.SOUTH_WEST,
        x=Pixels(-5),
        y=Share(0.25),
        zoom=0.75,
        dpr=2.0,
        angles=(90, "hflip"),
        radii=Radii((1, 2, 3, 4)),
        effect=Effect("blur", 300),
        color=Color(0, 0, 255),
        opacity=40,
        border=Border(2, Color(0, 255, 0)),
        background=Color(255, 0, 0),
        quality=Quality(None, "eco"),
        color_space="srgb",
        format="auto",
        page=2,
        density=72,
        flags=frozenset({"attachment", "progressive:semi"}),
        attachment_name="cat",
        default_image="a/b.png",
        layer=Layer(LayerName("upload", "a/logo")),
    )
    assert set(PARAMETERS) - {"u"} == {part.split("_")[0] for part in text.split(",")}


def test_the_error_names_the_part_in_cloudinarys_words():
    with pytest.raises(BadTransformation) as caught:
        parse_transformation("c_fill,w_100/w_5,c_explode,h_7")
    assert caught.value.message == "Invalid transformation component - c_explode"


def test_the_error_repeats_little_and_nothing_that_could_break_a_header_or_a_page():
    with pytest.raises(BadTransformation) as caught:
        parse_transformation('w_<b>\r\n"é' + "x" * 900)
    assert caught.value.message.startswith("Invalid transformation component - w_%3Cb%3E%0D%0A%22%C3%A9xxx")
    assert len(caught.value.message) < 400


def test_a_component_is_not_read_beyond_its_limit():
    with pytest.raises(BadTransformation, match="- w_5,w_5,w_5"):
        parse_component("w_5," * (COMPONENT_CHARS_MAX // 4) + "x")


def test_the_longest_component_is_still_read_in_its_canonical_spelling():
    name = "%F0%9F%98%80" * 32
    text = f"a_{'.'.join(['ignore'] * 8)},b_cyan,fl_attachment:{name}.progressive,r_1:2:3:4,w_0.{'3' * 20}"
    canonical = build_transformation(parse_transformation(text))
    assert build_transformation(parse_transformation(canonical)) == canonical
    with pytest.raises(BadTransformation):
        parse_component(f"fl_attachment:{name}a")


def test_a_chain_has_at_most_as_many_components_as_the_limit_says():
    limits = GrammarLimits(components_max=3)
    assert len(parse_transformation("w_1/w_2/w_3", limits).components) == 3
    with pytest.raises(LimitExceeded, match="at most 3"):
        parse_transformation("w_1/w_2/w_3/w_4", limits)
    with pytest.raises(LimitExceeded, match="at most 20"):
        parse_transformation("/".join(["e_blur:2000"] * 21), MediaLimits())


def test_no_transformation_is_the_empty_text():
    assert not parse_transformation("")
    assert build_transformation(parse_transformation("")) == ""


def test_all_148_names_of_css_are_known_and_two_words_for_nothing():
    assert len(NAMED) == 148 + 2
    assert NAMED["grey"] == NAMED["gray"] == Color(128, 128, 128)


@pytest.mark.parametrize(
    "segment", ["w_100", "w_abc", "t_shirts", "$x_1", "if_w_gt_5", "x,w_5", "l_text:A_b:c", "fn_x"]
)
def test_a_known_key_makes_a_segment_look_like_a_transformation(segment):
    assert looks_like_component(segment)


@pytest.mark.parametrize("segment", ["photos", "my_photos", "w-100", "W_100", "v12", "_", "", "_w_5", "a, w_5", "wh_5"])
def test_other_segments_are_names(segment):
    assert not looks_like_component(segment)


def test_what_is_supported_is_part_of_cloudinarys_language():
    assert set(PARAMETERS) < CLOUDINARY_KEYS


@pytest.mark.corpus
def test_every_transformation_of_the_golden_table_is_read():
    with (require_corpus() / "golden.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["transformation"] for row in csv.DictReader(file)]
    print(f"{len(rows)} rows")
    assert len(rows) == 449
    for text in rows:
        assert parse_transformation(text)

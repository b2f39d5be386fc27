from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from domicile.media.errors import MediaError
from domicile.media.grammar import PARAMETERS, build_transformation, looks_like_component, parse_transformation
from domicile.media.transformation import Transformation
from tests.property.transformations import transformations

KEYS = sorted(PARAMETERS)
ODD_VALUES = [
    "100",
    "0.5",
    "1.0",
    "16:9",
    "auto",
    "-3",
    "1e9",
    "",
    "rgb:fff",
    "max",
    "a.b",
    "٣",
    "%41",
    "\0",
    "é",
    "NaN",
    "private:a",
    "upload:text:b",
]
near_misses = st.lists(
    st.lists(
        st.tuples(st.sampled_from([*KEYS, "if", "l", "$x"]), st.sampled_from(ODD_VALUES) | st.text(max_size=6)).map(
            "_".join
        ),
        min_size=1,
        max_size=3,
    ).map(",".join),
    max_size=3,
).map("/".join)


def refusal(text: str) -> str | None:
    try:
        parse_transformation(text)
    except MediaError as error:
        return error.message
    return None


@given(transformations)
def test_what_was_built_reads_back_the_same(transformation: Transformation) -> None:
    assert parse_transformation(build_transformation(transformation)) == transformation


@given(near_misses | st.text(max_size=60))
@example("w_0.3333333333333333,ar_1.3333333333,dpr_2")
@example("x_-0,y_-0.0,a_-360,r_5:5:5:5,b_none,q_auto:good,f_jpeg")
def test_whatever_is_accepted_has_one_canonical_text(text: str) -> None:
    try:
        transformation = parse_transformation(text)
    except MediaError:
        return
    canonical = build_transformation(transformation)
    assert parse_transformation(canonical) == transformation
    assert build_transformation(parse_transformation(canonical)) == canonical
    assert re.fullmatch(r"[!-~]*", canonical)


@given(near_misses | st.text(max_size=60))
@example("w_\ud800")
def test_what_is_refused_is_refused_in_the_languages_words_and_safely_for_a_header(text: str) -> None:
    message = refusal(text)
    if message is not None:
        assert re.fullmatch(r"[ -~]{1,400}", message)
        assert not set('<>"') & set(message)


@given(transformations)
def test_every_component_looks_like_one(transformation: Transformation) -> None:
    text = build_transformation(transformation)
    assert all(looks_like_component(segment) for segment in text.split("/") if segment)

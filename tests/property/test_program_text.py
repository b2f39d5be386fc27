"""Programs: the canonical text is a fixed point and names one program, and working one out ends in one of two ways."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation, MediaError
from domicile.media.evaluate import Known, evaluate
from domicile.media.facts import SourceFacts
from domicile.media.grammar import GrammarLimits, build_transformation, parse_transformation
from domicile.media.pending import NO_HINTS, read_named, settled
from domicile.media.program import parse_segment
from tests.property.programs import programs

LIMITS = GrammarLimits(components_max=100)
NAMED = read_named({"a": "c_fill,h_10,w_$a", "b": "if_w_gt_5/e_blur/if_end"})


def read(text: str) -> Chain:
    return chained([parse_segment(segment, LIMITS) for segment in text.split("/")], LIMITS)


facts = st.builds(
    SourceFacts,
    format=st.just("gif"), width=st.integers(1, 5000), height=st.integers(1, 5000), frames=st.integers(1, 9),
    has_alpha=st.booleans(), orientation=st.integers(1, 8), body_bytes=st.just(1), md5=st.just(""),
)  # fmt: skip
known = st.builds(
    Known,
    facts=facts,
    tags=st.lists(st.text("ab", max_size=2), max_size=3).map(tuple),
    context=st.dictionaries(st.text("ab", max_size=2), st.text("ab57", max_size=3), max_size=2),
)


@given(programs)
def test_the_canonical_text_of_a_program_is_a_fixed_point(text: str) -> None:
    try:
        chain = read(text)
    except MediaError:
        return
    assert read(chain.text) == chain
    assert read(chain.text).text == chain.text


@given(programs, known)
def test_a_program_comes_to_a_plain_transformation_or_is_refused(text: str, picture: Known) -> None:
    try:
        chain = read(text)
        if chain.pending:
            chain = settled(chain.pending, NAMED, NO_HINTS, LIMITS).chain
    except MediaError:
        return
    assert chain.program is not None
    try:
        made = evaluate(chain.program, picture)
    except BadTransformation:
        return
    plain = build_transformation(made)
    assert parse_transformation(plain, LIMITS) == made
    assert evaluate(chain.program, picture) == made


def test_the_strategy_makes_programs_of_every_kind() -> None:
    seen: Counter[str] = Counter()
    picture = Known(
        facts=SourceFacts(
            format="gif", width=400, height=300, frames=2, has_alpha=False, orientation=1, body_bytes=1, md5=""
        )
    )

    @settings(database=None, derandomize=True, max_examples=400)
    @given(programs)
    def look(text: str) -> None:
        try:
            chain = read(text)
            if chain.pending:
                chain = settled(chain.pending, NAMED, NO_HINTS, LIMITS).chain
            assert chain.program is not None
            evaluate(chain.program, picture)
        except MediaError:
            seen["refused"] += 1
        else:
            seen["if" if "if_" in text else "straight"] += 1

    look()
    print(f"\n{dict(seen)}")
    assert min(seen["refused"], seen["if"], seen["straight"]) >= 10


@given(st.text(st.sampled_from("if_$ab!:w0,.elsndctx"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        chain = read(text)
    except MediaError:
        return
    assert read(chain.text).text == chain.text

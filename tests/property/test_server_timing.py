from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from domicile.media.timing import HEADER_BYTES_MAX, NAMES, Span, build_server_timing
from tests.infra.server_timing import parse_server_timing

spans = st.lists(
    st.builds(
        Span,
        st.sampled_from(NAMES),
        st.none() | st.floats() | st.floats(0, 200),
        st.none() | st.text(max_size=30) | st.text('\\"', max_size=200),
    ),
    min_size=1,
    unique_by=lambda span: span.name,
)


@given(spans)
@example([Span("cache", float("nan"), '"' * 300)])
@example([Span(name, 1e300, "\\" * 300) for name in NAMES])
def test_anything_built_is_short_valid_and_reads_back(given_spans: list[Span]) -> None:
    header = build_server_timing(given_spans)
    assert len(header) < HEADER_BYTES_MAX
    assert header.isascii()
    assert header.isprintable()
    read = parse_server_timing(header)
    assert build_server_timing(read) == header
    assert [span.name for span in read] == [name for name in NAMES if name in {span.name for span in read}]


@given(st.text(max_size=60) | spans.map(lambda some: build_server_timing(some) + ",x"))
def test_the_reader_reads_or_says_value_error(header: str) -> None:
    try:
        read = parse_server_timing(header)
    except ValueError:
        return
    assert read

from __future__ import annotations

import pytest

from domicile.media.timing import (
    DURATION_MS_MAX,
    FIRST_TO_GO,
    HEADER_BYTES_MAX,
    NAMES,
    ContentInfo,
    Span,
    build_server_timing,
    milliseconds,
)
from tests.infra.server_timing import parse_server_timing

INFO = ContentInfo(
    width=864,
    height=576,
    body_bytes=43278,
    format="avif",
    original_width=864,
    original_height=576,
    original_bytes=109669,
    original_format="jpg",
)


def test_a_miss_reads_as_documented():
    header = build_server_timing(
        [
            INFO.span(),
            Span("edge", 0.0506),
            Span("cache", desc="miss"),
            Span("origin", 0.0413),
            Span("encode", 0.0),
            Span("region", desc="eu-de"),
        ]
    )
    assert header == (
        "cache;desc=miss, edge;dur=50.6, origin;dur=41.3, encode;dur=0, "
        'content-info;desc="width=864,height=576,bytes=43278,format=avif,owidth=864,oheight=576,obytes=109669,oformat=jpg", '
        "region;desc=eu-de"
    )
    assert len(header) < HEADER_BYTES_MAX


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0.0, "0"),
        (0.00004, "0"),
        (0.00005, "0.1"),
        (0.0001, "0.1"),
        (0.04125, "41.3"),
        (1.0, "1000"),
        (-1.0, "0"),
        (1e300, str(DURATION_MS_MAX)),
        (float("nan"), "0"),
        (float("inf"), "0"),
    ],
)
def test_durations_are_tenths_of_a_millisecond(seconds, text):
    assert milliseconds(seconds) == text


def test_a_desc_is_quoted_when_it_must_be():
    assert build_server_timing([Span("cache", desc='a "b\\\r\né')]) == 'cache;desc="a \\"b\\\\???"'
    assert build_server_timing([Span("cache", desc="")]) == 'cache;desc=""'


def test_what_would_be_too_long_loses_its_least_telling_parts_first():
    longest = ContentInfo(
        width=100_000,
        height=100_000,
        body_bytes=10**12,
        format="webp",
        original_width=100_000,
        original_height=100_000,
        original_bytes=10**12,
        original_format="webp",
    ).span()
    spans = [longest if name == "content-info" else Span(name, 1e9, "hit") for name in NAMES]
    read = {span.name for span in parse_server_timing(build_server_timing(spans))}
    assert {"cache", "edge", "content-info"} < read
    assert "region" not in read


def test_only_the_cache_metric_is_never_left_out():
    assert set(FIRST_TO_GO) == set(NAMES) - {"cache"}


@pytest.mark.parametrize("spans", [[Span("tenant")], [Span("edge"), Span("edge", 1.0)]])
def test_a_metric_is_known_and_given_once(spans):
    with pytest.raises(ValueError):
        build_server_timing(spans)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "cache,edge",
        "cache, ",
        "cache;dur=",
        "cache;dur=abc",
        'cache;dur="1"',
        "cache;dur=1.25",
        "cache;dur=1;dur=2",
        "cache;desc=a b",
        'cache;desc="a',
        'cache;desc="a"b"',
        "cache;start=1",
        "server;dur=1",
        ' cache;desc="x"',
        'content-info;desc="format="avif""',
    ],
)
def test_the_strict_reader_refuses_what_is_not_ours(header):
    with pytest.raises(ValueError):
        parse_server_timing(header)

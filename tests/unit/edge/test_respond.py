from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, LeaseLost
from domicile.media.freshness import outward
from domicile.media.policy_file import from_mapping
from domicile.media.timing import Span
from edge.cache.ranges import Span as Part
from edge.respond import Making, Manner, Reply, disposition, empty, picture, preflight, refusal
from edge.store.port import StoredHead
from edge.upstream import AssetGone
from tests.infra.server_timing import parse_server_timing

HEAD = StoredHead(
    tenant="demo", contributors=(Aid("a" * 32),), names=(NameHash("1" * 32),), epoch=1, sequence=1, config_revision=1,
    stored_at=0.0, ttl_seconds=60.0, content_type="image/png", etag='"tag"', body_bytes=100, format="png",
    content_info="width=1,height=2,bytes=100,format=png,owidth=3,oheight=4,obytes=5,oformat=jpg",
)  # fmt: skip
MANNER = Manner(
    outward=outward(from_mapping({"tenant": "demo"}, home="eu-de"), public=True),
    timing_allow_origin=(), vary=(), disposition=None, region="eu-de",
)  # fmt: skip
HIT = Making(tier="memory", remaining_seconds=50)
BOUNDARY = "b0undary"
ALL = (Part(start=0, end=100),)


def answer(method: str = "GET", making: Making = HIT, manner: Manner = MANNER, **asked: str) -> Reply:
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in asked.items()})
    return picture(HEAD, making, manner, method=method, asked=fields, elapsed_seconds=0.0012, boundary=BOUNDARY)


def header(reply: Reply, name: str) -> str | None:
    found = [value for key, value in reply.headers if key.lower() == name.lower()]
    assert len(found) <= 1, name
    return found[0] if found else None


def test_a_whole_picture() -> None:
    reply = answer()
    assert reply.status == 200
    assert reply.content == ALL
    wanted = {
        "Content-Type": "image/png", "Content-Length": "100", "ETag": '"tag"', "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*",
        "Cache-Control": "public, no-transform, max-age=60, s-maxage=300, must-revalidate",
        "Cache-Status": "Domicile; hit; ttl=50; detail=memory",
    }  # fmt: skip
    assert {name: header(reply, name) for name in wanted} == wanted
    for absent in ("Vary", "Last-Modified", "Age", "Timing-Allow-Origin", "Content-Disposition", "Set-Cookie"):
        assert header(reply, absent) is None


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}])
def test_a_drawing_may_run_and_load_nothing(asked: dict[str, str]) -> None:
    drawing = msgspec.structs.replace(HEAD, content_type="image/svg+xml", format="svg")
    for method in ("GET", "HEAD"):
        reply = picture(
            drawing, HIT, MANNER, method=method, asked=CIMultiDict(asked), elapsed_seconds=0.0, boundary=BOUNDARY
        )
        policy = header(reply, "Content-Security-Policy")
        assert policy is not None
        directives = {one.strip().partition(" ")[0]: one.strip().partition(" ")[2] for one in policy.split(";")}
        assert directives == {
            "default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'", "sandbox": "",
        }  # fmt: skip
        assert header(reply, "X-Content-Type-Options") == "nosniff"
    assert header(answer(), "Content-Security-Policy") is None


def test_a_304_says_what_a_200_would_say_about_the_representation_and_has_no_body() -> None:
    whole, unchanged = answer(), answer(If_None_Match='W/"tag"')
    assert (unchanged.status, unchanged.content) == (304, ())
    for name in ("ETag", "Cache-Control", "CDN-Cache-Control", "Vary", "Cache-Status", "Server-Timing"):
        assert header(unchanged, name) == header(whole, name)
    assert header(unchanged, "Content-Length") is None
    assert header(unchanged, "Content-Type") is None


def test_a_range_is_a_206_and_its_condition_a_200() -> None:
    part = answer(Range="bytes=10-19")
    assert (part.status, header(part, "Content-Range"), header(part, "Content-Length")) == (
        206,
        "bytes 10-19/100",
        "10",
    )
    assert part.content == (Part(start=10, end=20),)
    assert answer(Range="bytes=10-19", If_Range='"tag"').status == 206
    assert answer(Range="bytes=10-19", If_Range='"older"').status == 200
    assert answer(Range="bytes=5-4").status == 200


def test_several_ranges_are_one_body_of_parts() -> None:
    parts = answer(Range="bytes=5-6,1-2")
    assert (parts.status, header(parts, "Content-Type"), header(parts, "Content-Range")) == (
        206,
        f"multipart/byteranges; boundary={BOUNDARY}",
        None,
    )
    assert [part for part in parts.content if isinstance(part, Part)] == [Part(start=5, end=7), Part(start=1, end=3)]
    heads = b"".join(part for part in parts.content if isinstance(part, bytes)).decode()
    assert heads.count("Content-Type: image/png\r\n") == 2
    assert "Content-Range: bytes 5-6/100\r\n" in heads
    assert header(parts, "Content-Length") == str(len(heads) + 4)
    for name in ("ETag", "Cache-Control", "Accept-Ranges"):
        assert header(parts, name) == header(answer(), name)


def test_a_range_beyond_the_end_is_a_416_that_says_how_long_it_is() -> None:
    beyond = answer(Range="bytes=100-")
    assert (beyond.status, beyond.content, header(beyond, "Content-Range")) == (416, (), "bytes */100")
    assert header(beyond, "Content-Length") == "0"


def test_the_validator_is_judged_before_the_range() -> None:
    assert answer(If_None_Match='"tag"', Range="bytes=0-1").status == 304
    assert answer(If_None_Match='"tag"', Range="bytes=900-").status == 304


def test_head_has_the_length_and_no_byte_and_no_range() -> None:
    reply = answer("HEAD", Range="bytes=0-1")
    assert (reply.status, reply.content, header(reply, "Content-Length")) == (200, (), "100")
    assert answer("HEAD", If_None_Match="*").status == 304


@pytest.mark.parametrize(
    ("making", "wanted"),
    [
        (HIT, "Domicile; hit; ttl=50; detail=memory"),
        (Making(tier="disk", remaining_seconds=9), "Domicile; hit; ttl=9; detail=disk"),
        (Making(tier="peer", remaining_seconds=9), "Domicile; hit; ttl=9; detail=peer"),
        (Making(tier=None), "Domicile; fwd=uri-miss; fwd-status=200"),
        (
            Making(tier=None, stored=True, remaining_seconds=60),
            "Domicile; fwd=uri-miss; fwd-status=200; stored; ttl=60",
        ),
        (
            Making(tier=None, stored=True, collapsed=True, remaining_seconds=60),
            "Domicile; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60",
        ),
    ],
)
def test_cache_status_tells_how_the_object_came_to_be_at_hand(making: Making, wanted: str) -> None:
    assert header(answer(making=making), "Cache-Status") == wanted


def test_server_timing_names_the_tier_and_the_parts() -> None:
    making = Making(tier=None, spans=(Span("lookup", 0.0001), Span("origin", 0.0215), Span("decode", 0.01)))
    said = header(answer(making=making), "Server-Timing")
    assert said is not None
    spans = {span.name: span for span in parse_server_timing(said)}
    assert spans["cache"].desc == "miss"
    assert spans["edge"].seconds == pytest.approx(0.0012)
    assert spans["origin"].seconds == pytest.approx(0.0215)
    assert spans["content-info"].desc == HEAD.content_info
    hit = header(answer(), "Server-Timing")
    assert hit is not None
    assert parse_server_timing(hit)[0].desc == "hit-memory"


def test_hits_and_misses_say_what_was_automatic() -> None:
    head = msgspec.structs.replace(HEAD, reasons="f=avif:photo,q=62:score")
    for making in (Making(tier=None, stored=True), Making(tier="memory")):
        said = header(
            picture(head, making, MANNER, method="GET", asked={}, elapsed_seconds=0.0, boundary=""), "Server-Timing"
        )
        assert said is not None
        assert {span.name: span.desc for span in parse_server_timing(said)}["auto"] == "f=avif:photo,q=62:score"
    said = header(answer(), "Server-Timing")
    assert said is not None
    assert "auto" not in said


@pytest.mark.parametrize(
    ("origins", "wanted"),
    [
        ((), None),
        (("https://a.eu",), "https://a.eu"),
        (("https://a.eu", "https://b.eu"), "https://a.eu, https://b.eu"),
        (("https://a.eu", "*"), "*"),
    ],
)
def test_who_may_read_the_timing_is_the_tenants_choice(origins: tuple[str, ...], wanted: str | None) -> None:
    manner = Manner(
        outward=MANNER.outward, timing_allow_origin=origins, vary=("Accept",), disposition=None, region="eu-de"
    )
    assert header(answer(manner=manner), "Timing-Allow-Origin") == wanted
    assert header(answer(manner=manner), "Vary") == "Accept"
    assert (
        header(refusal(AssetNotFound("x"), region="eu-de", timing_allow_origin=origins), "Timing-Allow-Origin")
        == wanted
    )


def test_an_error_is_empty_and_is_not_to_be_kept() -> None:
    reply = refusal(AssetNotFound("Resource not found - a\r\nb"), region="eu-de")
    assert (reply.status, reply.content) == (404, ())
    assert header(reply, "X-Cld-Error") == "Resource not found - a%0D%0Ab"
    assert header(reply, "Content-Type") == "image/gif"
    assert header(reply, "Content-Length") == "0"
    assert header(reply, "Cache-Control") == "private, no-store"
    assert header(reply, "Retry-After") is None
    assert refusal(AssetGone("x", 410), region="eu-de").status == 410


def test_all_errors_tell_the_same_about_their_making() -> None:
    replies = [
        refusal(AssetNotFound("x"), region="eu-de"),
        refusal(LeaseLost("y"), region="eu-de"),
        empty(405, region="eu-de"),
    ]
    assert len({(header(reply, "Server-Timing"), header(reply, "Cache-Status")) for reply in replies}) == 1


def test_a_503_says_when_to_come_back() -> None:
    assert header(refusal(LeaseLost("x"), region="eu-de"), "Retry-After") == "2"


def test_a_preflight_allows_reading_and_nothing_else() -> None:
    reply = preflight("eu-de")
    assert reply.status == 204
    assert header(reply, "Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"
    assert header(reply, "Content-Length") is None


@pytest.mark.parametrize(
    ("name", "extension", "wanted"),
    [
        ("pic", "jpg", 'attachment; filename="pic.jpg"'),
        ("folder/my pic", "png", 'attachment; filename="my pic.png"'),
        ("größe", "jpg", "attachment; filename=\"gr__e.jpg\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.jpg"),
        ('a"b\r\nc', "jpg", 'attachment; filename="abc.jpg"'),
        ("..", "jpg", 'attachment; filename="file.jpg"'),
        ("a;b%", "gif", "attachment; filename=\"a_b_.gif\"; filename*=UTF-8''a%3Bb%25.gif"),
    ],
)
def test_a_download_is_called_as_asked_but_harmlessly(name: str, extension: str, wanted: str) -> None:
    assert disposition(name, extension) == wanted


@given(st.text(max_size=400))
def test_no_name_breaks_out_of_the_disposition(name: str) -> None:
    said = disposition(name, "jpg")
    assert said.isascii()
    assert said.isprintable()
    assert said.count('"') == 2
    assert len(said) < 4000


@given(
    st.sampled_from(["GET", "HEAD"]),
    st.one_of(
        st.none(),
        st.text(max_size=30),
        st.sampled_from(["bytes=0-5", "bytes=-5", "bytes=99-", "bytes=200-", "bytes=0-1,4-5"]),
    ),
    st.one_of(st.none(), st.text(max_size=30), st.sampled_from(['"tag"', "*", '"other"'])),
)
def test_whatever_is_asked_status_headers_and_span_agree(method: str, wanted: str | None, match: str | None) -> None:
    asked: dict[str, Any] = {}
    if wanted is not None:
        asked["Range"] = wanted
    if match is not None:
        asked["If_None_Match"] = match
    reply = answer(method, **asked)
    assert reply.status in {200, 206, 304, 416}
    if reply.content:
        assert header(reply, "Content-Length") == str(reply.body_bytes)
        assert method == "GET"
    else:
        assert method == "HEAD" or reply.status in {304, 416}

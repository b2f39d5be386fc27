from __future__ import annotations

import string
from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from domicile.media.asset import RESOURCE_TYPES
from domicile.media.errors import BadUrl, MediaError
from domicile.media.grammar import build_transformation, looks_like_component
from domicile.media.public_id import public_id_problem
from domicile.media.split import VERSION_LIKE
from domicile.media.transformation import Transformation
from domicile.media.url import (
    EXTENSIONS,
    SEO_NAMES,
    SIGNATURE_LIKE,
    Candidate,
    DeliveryRequest,
    build,
    on_shared_host,
    parse,
)
from domicile.media.wire import NAMES_MAX
from tests.property.transformations import transformations

URL_WORDS = string.ascii_letters + string.digits + "-_"
words = st.text(URL_WORDS, min_size=1, max_size=8)
names = st.lists(words | st.text(min_size=1, max_size=8), min_size=1, max_size=3).map("/".join)
signatures = st.none() | st.text(URL_WORDS, min_size=8, max_size=8) | st.text(URL_WORDS, min_size=32, max_size=32)

SEGMENTS = (
    "demo image upload private raw files images iu res fetch http: v1 v12 w_100 c_fill,h_0100 a_b t_x s--AAAAAAAA-- "
    "pic.jpg .jpg a%20b %2e%2e %76%31 w%5F100 e_blur:5/x ; ? é \u202ex pic.JPEG"
)
paths = st.lists(
    st.sampled_from([*SEGMENTS.split(), "", "\ud800"]) | words | st.text(max_size=6),
    max_size=8,
).map(lambda segments: "/" + "/".join(segments))


def is_plain(public_id: str, extension: str | None) -> bool:
    """Names that need no version in front and whose ending is not taken for a format."""
    segments = public_id.split("/")
    return (
        public_id_problem(public_id) is None
        and not any(looks_like_component(segment) or VERSION_LIKE.fullmatch(segment) for segment in segments)
        and not SIGNATURE_LIKE.fullmatch(segments[0])
        and (extension is not None or "." not in segments[-1])
    )


@st.composite
def requests(draw: st.DrawFn) -> DeliveryRequest:
    resource_type = draw(st.sampled_from(sorted(RESOURCE_TYPES)))
    delivery_type = draw(st.sampled_from(["upload", "private", "authenticated"]))
    transformation = draw(transformations)
    extension = draw(st.none() | st.sampled_from([*EXTENSIONS[resource_type].values(), None]))
    public_id = draw(names)
    assume(is_plain(public_id, extension))
    has_suffix = (resource_type, delivery_type) in SEO_NAMES and draw(st.booleans())
    version = draw(st.none() | st.integers(0, 10**12 - 1))
    candidate = Candidate(
        transformation=transformation,
        transformation_text=build_transformation(transformation),
        public_id=public_id,
        extension=extension,
        signed_text="",
    )
    return DeliveryRequest(
        cloud=draw(st.sampled_from(["demo", "a-1", "images-2"])),
        resource_type=resource_type,
        delivery_type=delivery_type,
        signature=draw(signatures),
        version=version,
        candidates=(candidate,),
        seo_suffix=draw(words) if has_suffix else None,
    )


def likeliest(request: DeliveryRequest) -> DeliveryRequest:
    return replace(request, candidates=request.candidates[:1])


@given(requests())
def test_what_was_built_reads_back_the_same(request: DeliveryRequest) -> None:
    path = build(request)
    assume(len(path) <= 4096)
    assert likeliest(parse(path)) == request
    if request.version is not None or not request.candidates[0].transformation:
        assert parse(path) == request


@given(paths)
@example("/demo/image/upload/w_0100/pic.jpg")
@example("/demo/images/w_100/pic/seo.jpg")
@example("/demo/image/fetch/http:/x.example/a")
@example("/demo/image/upload/w%5F100/pic")
def test_the_canonical_path_is_a_fixed_point(path: str) -> None:
    try:
        request = parse(path)
    except MediaError:
        return
    canonical = build(request)
    again = parse(canonical)
    assert likeliest(again) == likeliest(request)
    assert build(again) == canonical
    assert canonical.isascii()
    assert 1 <= len(request.candidates) <= NAMES_MAX


@given(paths | st.text(max_size=80), st.none() | st.sampled_from(["demo", "acme"]))
@example("", None)
@example("/", "demo")
@example("http://evil.example/demo/image/upload/x", None)
def test_any_text_is_read_or_refused_in_the_languages_words(path: str, cloud: str | None) -> None:
    try:
        request = parse(path if cloud is None else on_shared_host(path, cloud))
    except MediaError:
        return
    assert cloud in {None, request.cloud}, "a host of one cloud serves no other"
    for candidate in request.candidates:
        assert "\0" not in candidate.public_id
        assert ".." not in candidate.public_id.split("/")


@given(names, words)
def test_every_acceptable_public_id_can_be_delivered_with_a_version(public_id: str, cloud: str) -> None:
    assume(public_id_problem(public_id) is None)
    candidate = Candidate(
        transformation=Transformation(), transformation_text="", public_id=public_id, extension="jpg", signed_text=""
    )
    request = DeliveryRequest(
        cloud="demo",
        resource_type="image",
        delivery_type="upload",
        signature=None,
        version=1,
        candidates=(candidate,),
    )
    assert parse(build(request)) == request


@given(st.text("../%2eE5cCfF\\", min_size=1, max_size=12))
def test_no_spelling_of_a_dot_segment_or_a_hidden_slash_gets_through(piece: str) -> None:
    try:
        request = parse(f"/demo/image/upload/v1/a/{piece}/b")
    except BadUrl:
        return
    segments = request.candidates[0].public_id.split("/")
    assert not {"", ".", ".."} & set(segments)
    assert "\\" not in request.candidates[0].public_id
    assert len(segments) == 3 + piece.count("/")

"""Where transformations stop and the public_id starts. Nothing in the path marks it.

Behind a version there is no doubt: everything before it must be a transformation. Without one every split that can be
meant is a candidate, the longest transformation first, and the catalogue decides; the last segment always belongs to
the public_id. A segment that looks like a transformation and is none is an error, never part of a name.
Source: cloudinary-compat 1.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from domicile.media.errors import BadUrl
from domicile.media.grammar import Limits, build_component, check_length, looks_like_component, parse_component
from domicile.media.public_id import public_id_problem
from domicile.media.raw_path import Segment, join_raw, join_remote, join_text
from domicile.media.transformation import Component, Transformation
from domicile.media.wire import NAMES_MAX

VERSION = re.compile(r"v([0-9]{1,12})", re.ASCII)
VERSION_LIKE = re.compile(r"v[0-9]+", re.ASCII)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to split the path."""

    transformation: Transformation
    transformation_text: str
    """Canonical."""
    public_id: str
    """Decoded; for `fetch` the remote URL."""
    extension: str | None
    """Family name in lower case: "jpg" for `.JPEG`."""
    signed_text: str = field(compare=False)
    """What an `s--…--` signature covers, raw as received."""


def split_name(
    segments: list[Segment], extension: str | None, raw_extension: str, limits: Limits
) -> tuple[int | None, tuple[Candidate, ...]]:
    """Find where transformations stop and the public_id starts; the last segment always belongs to the public_id."""
    before = next((n for n, segment in enumerate(segments[:-1]) if VERSION_LIKE.fullmatch(segment.text)), None)
    if before is not None:
        return _read_version(segments[before]), (_behind_version(segments, before, extension, raw_extension, limits),)
    components: list[Component] = []
    for segment in segments[:-1]:
        if not looks_like_component(segment.text):
            break
        check_length(len(components) + 1, limits)
        components.append(parse_component(segment.raw))
    signed = join_raw(segments) + raw_extension
    texts = [build_component(component) for component in components]
    candidates: list[Candidate] = []
    for n in range(len(components), -1, -1):
        public_id = join_text(segments[n:])
        problem = public_id_problem(public_id)
        if problem is not None and not candidates:
            raise BadUrl(f"Invalid URL - {problem}")
        if problem is None and len(candidates) < NAMES_MAX:
            candidates.append(_candidate(components[:n], texts[:n], public_id, extension, signed))
    return None, tuple(candidates)


def _behind_version(
    segments: list[Segment], before: int, extension: str | None, raw_extension: str, limits: Limits
) -> Candidate:
    check_length(before, limits)
    components = [parse_component(segment.raw) for segment in segments[:before]]
    named = segments[before + 1 :]
    public_id = join_text(named)
    problem = public_id_problem(public_id)
    if problem is not None:
        raise BadUrl(f"Invalid URL - {problem}")
    signed = join_raw(segments[:before] + named) + raw_extension
    return _candidate(components, list(map(build_component, components)), public_id, extension, signed)


def split_remote(segments: list[Segment], limits: Limits) -> tuple[int | None, tuple[Candidate, ...]]:
    """`fetch`: the public_id is a URL and starts where a scheme stands, so there is one candidate."""
    start = next((n for n, segment in enumerate(segments) if SCHEME.match(segment.text)), None)
    if start is None:
        raise BadUrl("Invalid URL - the address to fetch is missing")
    ahead, version = segments[:start], None
    if ahead and VERSION_LIKE.fullmatch(ahead[-1].text):
        version = _read_version(ahead.pop())
    check_length(len(ahead), limits)
    components = [parse_component(segment.raw) for segment in ahead]
    remote = join_remote(segments[start:])
    signed = "/".join([*(segment.raw for segment in ahead), remote.raw])
    return version, (_candidate(components, list(map(build_component, components)), remote.text, None, signed),)


def _read_version(segment: Segment) -> int:
    match = VERSION.fullmatch(segment.raw)
    if match is None:
        raise BadUrl("Invalid URL - malformed version")
    return int(match[1])


def _candidate(
    components: list[Component], texts: list[str], public_id: str, extension: str | None, signed: str
) -> Candidate:
    return Candidate(
        transformation=Transformation(tuple(components)),
        transformation_text="/".join(texts),
        public_id=public_id,
        extension=extension,
        signed_text=signed,
    )

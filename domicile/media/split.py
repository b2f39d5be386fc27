"""Where transformations stop and the public_id starts. Nothing in the path marks it.

Behind a version there is no doubt: everything before it must be a transformation. Without one every split that can be
meant is a candidate, the longest transformation first, and the catalogue decides; the last segment always belongs to
the public_id. A segment that looks like a transformation and is none is an error, never part of a name.
Source: cloudinary-compat 1.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from domicile.media.chain import Chain, chained
from domicile.media.errors import BadTransformation, BadUrl
from domicile.media.grammar import Limits, check_length, looks_like_component
from domicile.media.layer import LayerName
from domicile.media.program import Program, Segment, parse_segment
from domicile.media.public_id import public_id_problem
from domicile.media.raw_path import Segment as PathSegment
from domicile.media.raw_path import join_raw, join_remote, join_text
from domicile.media.transformation import Transformation
from domicile.media.wire import NAMES_MAX

VERSION = re.compile(r"v([0-9]{1,12})", re.ASCII)
VERSION_LIKE = re.compile(r"v[0-9]+", re.ASCII)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to split the path."""

    transformation: Transformation
    """With a program: what of it is known without a picture."""
    transformation_text: str
    """Canonical."""
    public_id: str
    """Decoded; for `fetch` the remote URL."""
    extension: str | None
    """Family name in lower case: "jpg" for `.JPEG`."""
    signed_text: str = field(compare=False)
    """What an `s--…--` signature covers, raw as received."""
    program: Program | None = None
    """What is to be worked out for the picture, if anything is."""
    pending: tuple[Segment, ...] = ()
    """What stands for something that the URL does not say; see pending.py."""

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """Every picture that a layer may show, in whatever branch, each once, in the order of first appearance.

        Those in named transformations are among them once the candidate is settled.
        """
        return self.transformation.layers

    @property
    def ending(self) -> str:
        """What stands behind the public_id, as received: ".JPEG"; empty without an extension."""
        return "" if self.extension is None else f".{self.signed_text.rpartition('.')[2]}"

    def settled(self, chain: Chain) -> Candidate:
        """The same, with what its chain stands for put in."""
        return replace(
            self, transformation=chain.transformation, transformation_text=chain.text, program=chain.program, pending=()
        )


def split_name(
    segments: list[PathSegment], extension: str | None, raw_extension: str, limits: Limits
) -> tuple[int | None, tuple[Candidate, ...]]:
    """Find where transformations stop and the public_id starts; the last segment always belongs to the public_id."""
    before = next((n for n, segment in enumerate(segments[:-1]) if VERSION_LIKE.fullmatch(segment.text)), None)
    if before is not None:
        return _read_version(segments[before]), (_behind_version(segments, before, extension, raw_extension, limits),)
    parts: list[Segment] = []
    for segment in segments[:-1]:
        if not looks_like_component(segment.text):
            break
        check_length(len(parts) + 1, limits)
        parts.append(parse_segment(segment.raw, limits))
    signed = join_raw(segments) + raw_extension
    candidates: list[Candidate] = []
    for n in range(len(parts), -1, -1):
        public_id = join_text(segments[n:])
        problem = public_id_problem(public_id)
        if problem is not None and not candidates:
            raise BadUrl(f"Invalid URL - {problem}")
        if (
            problem is None
            and len(candidates) < NAMES_MAX
            and (chain := _chain(parts[:n], limits, is_part=n < len(parts)))
        ):
            candidates.append(_candidate(chain, public_id, extension, signed))
    return None, tuple(candidates)


def _chain(parts: list[Segment], limits: Limits, *, is_part: bool) -> Chain | None:
    """None when the beginning of a chain is none by itself: a condition whose end was cut off."""
    try:
        return chained(parts, limits)
    except BadTransformation:
        if is_part:
            return None
        raise


def _behind_version(
    segments: list[PathSegment], before: int, extension: str | None, raw_extension: str, limits: Limits
) -> Candidate:
    check_length(before, limits)
    chain = chained([parse_segment(segment.raw, limits) for segment in segments[:before]], limits)
    named = segments[before + 1 :]
    public_id = join_text(named)
    problem = public_id_problem(public_id)
    if problem is not None:
        raise BadUrl(f"Invalid URL - {problem}")
    signed = join_raw(segments[:before] + named) + raw_extension
    return _candidate(chain, public_id, extension, signed)


def split_remote(segments: list[PathSegment], limits: Limits) -> tuple[int | None, tuple[Candidate, ...]]:
    """`fetch`: the public_id is a URL and starts where a scheme stands, so there is one candidate."""
    start = next((n for n, segment in enumerate(segments) if SCHEME.match(segment.text)), None)
    if start is None:
        raise BadUrl("Invalid URL - the address to fetch is missing")
    ahead, version = segments[:start], None
    if ahead and VERSION_LIKE.fullmatch(ahead[-1].text):
        version = _read_version(ahead.pop())
    check_length(len(ahead), limits)
    chain = chained([parse_segment(segment.raw, limits) for segment in ahead], limits)
    remote = join_remote(segments[start:])
    signed = "/".join([*(segment.raw for segment in ahead), remote.raw])
    return version, (_candidate(chain, remote.text, None, signed),)


def _read_version(segment: PathSegment) -> int:
    match = VERSION.fullmatch(segment.raw)
    if match is None:
        raise BadUrl("Invalid URL - malformed version")
    return int(match[1])


def _candidate(chain: Chain, public_id: str, extension: str | None, signed: str) -> Candidate:
    return Candidate(
        transformation=chain.transformation,
        transformation_text=chain.text,
        public_id=public_id,
        extension=extension,
        signed_text=signed,
        program=chain.program,
        pending=chain.pending,
    )

"""Partial content that is kept: what of a 206, what it may answer, and how pieces become a whole (RFC 9111 sections 3.3 and 3.4).

    206 with one range and a strong tag  ->  received_part   an incomplete 200, kept under the rules of a whole one
    request                              ->  decide_part     a hit only if all that it asks for is held
    incomplete + a newer part            ->  combined        one with more pieces, the newer alone, or the whole
    incomplete + whole wanted            ->  for_the_gap     Range and If-Range: the rest alone is fetched

Pieces are put together only under the same strong tag: nothing else says that they are of the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from edge.cache.conditional import is_strong, wanted_parts
from edge.cache.fields import Fields, first, values, without
from edge.cache.pieces import Piece, Pieces
from edge.cache.ranges import Span
from edge.cache.reuse import Decision, Forward, Use, decide
from edge.cache.stored import Received, Stored
from edge.cache.validate import conditional, updated, whole

ABOUT_PART = frozenset({"content-range", "content-length", "content-digest", "content-md5"})
"""Of a 206: about what it brings, and not about the representation."""

_CONTENT_RANGE = re.compile(r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A 206 that may be kept, as the 200 of which it is a part."""

    got: Received
    span: Span
    complete_bytes: int


def received_part(request: Fields, got: Received, *, body_bytes: int | None) -> Part | None:
    """One range, of a known whole, as long as it says, under a strong tag, with all of its head; None for every other answer.

    One that was asked for with If-Range may leave out what its reader has already (RFC 9110 section 15.3.7).
    """
    return None if values(request, "if-range") else _part(got, body_bytes)


def _part(got: Received, body_bytes: int | None) -> Part | None:
    said, tags = values(got.fields, "content-range"), values(got.fields, "etag")
    match = _CONTENT_RANGE.fullmatch(said[0]) if len(said) == 1 else None
    if got.status != 206 or match is None or len(tags) != 1 or not is_strong(tags[0]):
        return None
    if (first(got.fields, "content-type") or "").lower().startswith("multipart/byteranges"):
        return None
    start, last, complete_bytes = (int(number) for number in match.groups())
    span = Span(start=start, end=last + 1)
    if not start <= last < complete_bytes or body_bytes not in {None, span.body_bytes}:
        return None
    head = replace(got, status=200, reason="OK", fields=without(got.fields, ABOUT_PART))
    return Part(got=head, span=span, complete_bytes=complete_bytes)


def piece_of(part: Part, data: bytes) -> Pieces | None:
    """What a part brought; None when it is not as long as it said."""
    return Pieces(part.complete_bytes, (Piece(part.span.start, data),)) if len(data) == part.span.body_bytes else None


def decide_part(
    request: Fields, incomplete: Iterable[Stored], *, otherwise: Decision, now: float, heeds_request: bool = True
) -> Decision:
    """For a GET that no whole response is for. `otherwise`: what that came to."""
    holding = [one for one in incomplete if _holds(one, request)]
    found = decide("GET", request, holding, now=now, heeds_request=heeds_request)
    if found.stored is None:
        return otherwise
    if found.use is Use.BEHIND:  # to refresh a piece behind its viewer would be to fetch it for nobody
        return replace(found, use=Use.VALIDATE, forward=Forward.STALE)
    return found


def _holds(incomplete: Stored, request: Fields) -> bool:
    """Is all that the request asks for here? Of one without a range, never."""
    spans = wanted_parts(incomplete, request, body_bytes=incomplete.body_bytes)
    return isinstance(spans, tuple) and isinstance(incomplete.body, Pieces) and incomplete.body.covers(spans)


def revalidating(request: Fields, incomplete: Stored) -> Fields:
    """A request for the same part, which the origin may answer with 304 when what is held is still good."""
    kept = tuple(field for field in request if field[0].lower() in {"range", "if-range"})
    return (*conditional(request, incomplete), *kept)


def is_outdated(incomplete: Stored, got: Received) -> bool:
    """Does this answer to a request for a part say that there is something else now?"""
    says_nothing = got.status in {304, 416} or got.status >= 500
    return not says_nothing and (got.status not in {200, 206} or first(got.fields, "etag") != incomplete.etag)


def combined(held: Stored, newer: Stored, *, bytes_max: int) -> Stored:
    """What is kept of two incomplete responses for the same requests: as much as may be put together, whole if that is all."""
    if held.etag != newer.etag:
        return max(newer, held, key=lambda one: one.received)
    assert isinstance(held.body, Pieces)
    assert isinstance(newer.body, Pieces)
    both = held.body.joined(newer.body)
    if both is None or both.held_bytes > bytes_max:
        return newer
    return replace(_later_head(held, newer), body=both if (all_of_it := both.whole) is None else all_of_it)


def _later_head(held: Stored, newer: Stored) -> Stored:
    return newer if newer.received >= held.received else held


def for_the_gap(request: Fields, incomplete: Stored) -> Fields | None:
    """A request for what is missing, answered with the whole if that has changed; None when all is to be fetched."""
    gap = incomplete.body.gap if isinstance(incomplete.body, Pieces) else None
    if gap is None or incomplete.etag is None:
        return None
    last = "" if gap.end == incomplete.body_bytes else gap.end - 1
    return (*whole(request), ("Range", f"bytes={gap.start}-{last}"), ("If-Range", incomplete.etag))


def completed(incomplete: Stored, got: Received, *, body_bytes: int | None) -> Received | None:
    """The head of the whole that this answer to `for_the_gap` completes; None when it does not."""
    part = _part(got, body_bytes)
    assert isinstance(incomplete.body, Pieces)
    if part is None or first(got.fields, "etag") != incomplete.etag:
        return None
    if (part.span, part.complete_bytes) != (incomplete.body.gap, incomplete.body_bytes):
        return None
    age = tuple(field for field in got.fields if field[0].lower() == "age")
    return replace(part.got, fields=(*updated(incomplete.fields, part.got.fields), *age))

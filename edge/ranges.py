"""Range and conditional requests, decided without touching a byte.

    Range         = "bytes=" first "-" [ last ]  /  "bytes=-" suffix        ; RFC 9110 section 14
    If-None-Match = "*" / #entity-tag     weak comparison                   ; section 13.1.2, and 8.8.3.2
    If-Range      = entity-tag            strong comparison                 ; section 13.1.5

Several ranges, other units and nonsense are answered with the whole representation, as the RFC allows.
We send no Last-Modified, so a date in If-Range never matches and If-Modified-Since is not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RANGE_CHARACTERS_MAX = 100
ENTITY_TAGS_CHARACTERS_MAX = 4096

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes [start, end) of a representation."""

    start: int
    end: int

    @property
    def body_bytes(self) -> int:
        return self.end - self.start


class Unsatisfiable:
    """No byte of the representation lies in the range: 416."""


UNSATISFIABLE = Unsatisfiable()


def wanted_span(
    range_value: str | None, if_range: str | None, *, etag: str, body_bytes: int
) -> Span | Unsatisfiable | None:
    """The part to send: a Span for 206, UNSATISFIABLE for 416, None for the whole of it."""
    if range_value is None or len(range_value) > RANGE_CHARACTERS_MAX:
        return None
    if if_range is not None and if_range.strip() != etag:  # ours are strong, so only the same text is the same tag
        return None
    match = _RANGE.fullmatch(range_value.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        suffix = int(last)
        if suffix == 0 or body_bytes == 0:
            return UNSATISFIABLE
        return Span(start=max(0, body_bytes - suffix), end=body_bytes)
    start = int(first)
    if last and int(last) < start:
        return None  # syntactically invalid: ignored
    if start >= body_bytes:
        return UNSATISFIABLE
    return Span(start=start, end=min(body_bytes, int(last) + 1 if last else body_bytes))


def none_match(if_none_match: str | None, *, etag: str) -> bool:
    """May the representation be sent? False means 304."""
    if if_none_match is None or len(if_none_match) > ENTITY_TAGS_CHARACTERS_MAX:
        return True
    if if_none_match.strip() == "*":
        return False
    opaque = etag.removeprefix("W/").strip('"')
    return opaque not in _ENTITY_TAG.findall(if_none_match)

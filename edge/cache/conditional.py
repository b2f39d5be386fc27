"""Answering a viewer's conditions and ranges from a stored response: RFC 9110 sections 13 and 14.

If-None-Match      weak comparison; beats If-Modified-Since
If-Modified-Since  against Last-Modified, or else Date
If-Range           strong comparison, or the very same date; otherwise the whole is sent
Range              see `edge.cache.ranges`
"""

from __future__ import annotations

import re

from edge.cache.dates import parse_date
from edge.cache.fields import Fields, first, joined, split_list, values
from edge.cache.freshness import date_of
from edge.cache.ranges import Span, Unsatisfiable, wanted_spans
from edge.cache.stored import Stored

PRECONDITIONS = frozenset({"if-match", "if-unmodified-since"})
"""About the origin's state: only the origin can answer these."""

TAGS_CHARACTERS_MAX = 8192
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def is_unmodified(stored: Stored, request: Fields) -> bool:
    """Does the viewer have what is stored? Then 304 is the answer. Conditions are about successes (RFC 9110 section 13.2.1)."""
    if not 200 <= stored.status < 300:
        return False
    tags = joined(request, "if-none-match")
    if tags is not None:
        return has_tag(tags, stored.etag)
    since = first(request, "if-modified-since")
    if since is None or stored.status != 200:
        return False
    limit = parse_date(since, now=stored.received)
    modified = date_of(stored.fields, "last-modified", now=stored.received)
    if modified is None and not values(stored.fields, "last-modified"):
        modified = date_of(stored.fields, "date", now=stored.received) or int(stored.received)
    return limit is not None and modified is not None and modified <= limit


def wanted_parts(stored: Stored, request: Fields, *, body_bytes: int) -> tuple[Span, ...] | Unsatisfiable | None:
    """The parts of the body that the viewer asks for; None for the whole of it. The body may still be on its way."""
    asked = values(request, "range")
    if stored.status != 200 or len(asked) != 1 or not _same_content(stored, first(request, "if-range")):
        return None
    return wanted_spans(asked[0], body_bytes=body_bytes)


def has_tag(tags: str, etag: str | None) -> bool:
    """Does If-None-Match name the representation with this tag? By weak comparison (RFC 9110 section 8.8.3.2)."""
    if len(tags) > TAGS_CHARACTERS_MAX:
        return False
    tags = tags.strip()
    if tags == "*":
        return True
    if etag is None:
        return False
    return tags == etag or _opaque(etag) in {_opaque(member) for member in split_list(tags)}


def is_same_tag(condition: str, etag: str | None) -> bool:
    """Does If-Range name the representation with this tag? By strong comparison, so a weak tag never does."""
    condition = condition.strip()
    return condition == etag and is_strong(condition)


def is_strong(tag: str) -> bool:
    """An entity tag that stands for these very bytes (RFC 9110 section 8.8.1)."""
    return _TAG.fullmatch(tag) is not None and not tag.startswith("W/")


def _same_content(stored: Stored, condition: str | None) -> bool:
    if condition is None:
        return True
    if _TAG.fullmatch(condition):
        return is_same_tag(condition, stored.etag)
    limit = parse_date(condition, now=stored.received)
    modified = date_of(stored.fields, "last-modified", now=stored.received)
    date = date_of(stored.fields, "date", now=stored.received)
    is_strong = modified is not None and date is not None and date > modified  # section 8.8.2.2: not within one second
    return is_strong and limit == modified


def _opaque(tag: str) -> str:
    match = _TAG.fullmatch(tag)
    return tag if match is None else f'"{match[2]}"'

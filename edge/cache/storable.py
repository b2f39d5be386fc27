"""May this response be kept by a shared cache, for whom, and is there any use in it: RFC 9111 sections 3 to 3.5.

Not kept: no-store, private, statuses that need understanding and have none here, answers to requests with
Authorization that do not allow it, answers that vary by everything, and what could never be used again.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from edge.cache.directives import Rules, parse_directives, rules_of
from edge.cache.fields import Fields, first, values
from edge.cache.freshness import HEURISTIC_STATUSES, explicit_lifetime, heuristic_lifetime
from edge.cache.stored import Received
from edge.cache.vary import varies_by

UNDERSTOOD = frozenset(
    {*range(200, 206), 207, 208, 226, *range(300, 304), 305, 307, 308, *range(400, 418), 421, 422, 423, 424, 425, 426}
    | {428, 429, 431, 451, *range(500, 509), 510, 511}
)
"""Final statuses whose meaning for caches this one knows (RFC 9111 section 5.2.2.3)."""

NEVER = frozenset({206, 304})
"""Parts, and answers about something else: never kept as they are (`edge.cache.partial` has parts of a 200)."""


def is_storable(method: str, target: str, request: Fields, got: Received, *, heuristic_fraction: float) -> bool:
    """May the response be kept to answer a later GET of the same target?"""
    rules = rules_of(got.fields)
    if got.status < 200 or got.status in NEVER or not may_be_kept(rules, got.status, request):
        return False
    stated = explicit_lifetime(rules, got.fields, received=got.received)
    if method == "POST":
        if not stated or _content_location(got.fields, target) != target:
            return False
    elif method != "GET":
        return False
    if varies_by(got.fields) is None:
        return False
    if stated is None and not (rules.public or got.status in HEURISTIC_STATUSES):
        return False
    guessed = heuristic_lifetime(rules, got.status, got.fields, received=got.received, fraction=heuristic_fraction)
    useful_seconds = (guessed if stated is None else stated) + rules.stale_while_revalidate + rules.stale_if_error
    has_validator = bool(values(got.fields, "etag") or values(got.fields, "last-modified"))
    return useful_seconds > 0 or has_validator


def may_be_kept(rules: Rules, status: int, request: Fields) -> bool:
    """Do both sides let a shared cache keep it? Asked of an updated response, too, and of nobody's request by `()`."""
    if rules.must_understand:
        if status not in UNDERSTOOD:
            return False
    elif rules.no_store:
        return False
    if rules.private or parse_directives(request).has("no-store"):
        return False
    return rules.for_credentials or not values(request, "authorization")


def is_for_oneself(request: Fields) -> bool:
    """Does the request itself say that its answer is for nobody else? Then that says nothing about answers to others."""
    return bool(values(request, "authorization")) or parse_directives(request).has("no-store")


def _content_location(fields: Fields, target: str) -> str | None:
    """The path and query that the response says it is about."""
    said = first(fields, "content-location")
    if said is None:
        return None
    try:
        parts = urlsplit(said)
    except ValueError:
        return None
    if parts.netloc or not parts.path.startswith("/"):
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")

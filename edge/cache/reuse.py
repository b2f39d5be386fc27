"""The decision: may a stored response answer this request now, must the origin be asked first, or is there nothing?

fresh, and the request accepts it     HIT
stale, stale-while-revalidate runs    BEHIND     answered from the store, and refreshed behind it
stale, or no-cache on either side     VALIDATE
nothing stored for this request       MISS
the same with only-if-cached          ONLY_CACHED: 504
not a request a cache answers         FORWARD
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from edge.cache.conditional import PRECONDITIONS
from edge.cache.directives import Directives, parse_directives
from edge.cache.fields import Fields, members, values
from edge.cache.stored import Stored
from edge.cache.vary import Selection, selection, speaks, wanted_language

ERROR_STATUSES = frozenset({500, 502, 503, 504})
"""Answers that `stale-if-error` may hide (RFC 5861 section 4)."""


class Use(StrEnum):
    HIT = "hit"
    BEHIND = "behind"
    VALIDATE = "validate"
    MISS = "miss"
    ONLY_CACHED = "only_cached"
    FORWARD = "forward"


class Forward(StrEnum):
    """Why the origin is asked, in the words of RFC 9211 section 2.2."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    use: Use
    stored: Stored | None = None
    forward: Forward | None = None
    """Where the origin is asked."""


def decide(
    method: str, request: Fields, variants: Iterable[Stored], *, now: float, heeds_request: bool = True
) -> Decision:
    """`variants`: what is stored for this target, newest first. `heeds_request`: do viewers' cache directives count?"""
    if method not in {"GET", "HEAD"}:
        return Decision(use=Use.FORWARD, forward=Forward.METHOD)
    if any(values(request, name) for name in PRECONDITIONS):
        return Decision(use=Use.FORWARD, forward=Forward.REQUEST)
    known = list(variants)
    said = request_directives(request) if heeds_request else Directives(given={})
    found = chosen(known, request)
    if found is None:
        if said.has("only-if-cached"):
            return Decision(use=Use.ONLY_CACHED)
        return Decision(use=Use.MISS, forward=Forward.VARY_MISS if known else Forward.URI_MISS)
    if not said.has("only-if-cached"):
        return _with(found, said, now)
    decision = _with(found, said, now)
    return decision if decision.use is Use.HIT else Decision(use=Use.ONLY_CACHED)


def _with(found: Stored, said: Directives, now: float) -> Decision:
    must_ask = found.rules.no_cache or said.has("no-cache")
    if not must_ask and _is_accepted(found, said, now):
        return Decision(use=Use.HIT, stored=found)
    stale_seconds = found.stale_seconds(now)
    may_wait = not (must_ask or found.rules.must_revalidate or _limits(said))
    if may_wait and 0 <= stale_seconds < found.rules.stale_while_revalidate:
        return Decision(use=Use.BEHIND, stored=found)
    forward = Forward.REQUEST if stale_seconds < 0 and not found.rules.no_cache else Forward.STALE
    return Decision(use=Use.VALIDATE, stored=found, forward=forward)


def chosen(variants: Iterable[Stored], request: Fields) -> Stored | None:
    """The first stored response that is for this request: by Vary, or failing that by the language it wants most."""
    known = list(variants)
    said: dict[tuple[str, ...], Selection] = {}
    for one in known:
        if one.varies_by not in said:  # most variants vary by the same fields, and a request's may be long
            said[one.varies_by] = selection(one.varies_by, request)
        if one.selection == said[one.varies_by]:
            return one
    language = wanted_language(request) if known else None
    return (
        None if language is None else next((one for one in known if speaks(language, one.varies_by, one.fields)), None)
    )


def request_directives(request: Fields) -> Directives:
    """Cache-Control of a request; Pragma: no-cache stands in where there is none (RFC 9111 section 5.4)."""
    said = parse_directives(request)
    if not said.given and "no-cache" in (member.lower() for member in members(request, "pragma")):
        return Directives(given={"no-cache": (None,)})
    return said


def may_hide_error(stored: Stored, *, now: float) -> bool:
    """May it be served in the place of an error of the origin?"""
    forbidden = stored.rules.must_revalidate or stored.rules.no_cache
    return not forbidden and stored.stale_seconds(now) < stored.rules.stale_if_error


def may_stand_in(stored: Stored, *, now: float, seconds_max: float) -> bool:
    """May it be served although stale, because the origin cannot be reached (RFC 9111 section 4.2.4)?"""
    forbidden = stored.rules.must_revalidate or stored.rules.no_cache
    return not forbidden and stored.stale_seconds(now) < max(seconds_max, stored.rules.stale_if_error)


def _limits(said: Directives) -> bool:
    return said.has("max-age") or said.has("min-fresh")


def _is_accepted(found: Stored, said: Directives, now: float) -> bool:
    """Does what the request says about ages let it be used unasked?"""
    age, stale_seconds = found.age(now), found.stale_seconds(now)
    oldest = said.seconds("max-age")
    if oldest is not None and age > oldest:
        return False
    if -stale_seconds <= (said.seconds("min-fresh") or 0) and stale_seconds < 0 and said.has("min-fresh"):
        return False
    if stale_seconds < 0:
        return True
    if not said.has("max-stale") or found.rules.must_revalidate:
        return False
    bounded = any(value is not None for value in said.given["max-stale"])
    return not bounded or stale_seconds <= (said.seconds("max-stale") or 0)

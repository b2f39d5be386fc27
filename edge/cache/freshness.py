"""How long a response is fresh, and how old it is: the arithmetic of RFC 9111 section 4.2.

    fresh  <=>  lifetime > age
    lifetime    s-maxage > max-age > Expires - Date > a tenth of the time since Last-Modified
    age         max(received - Date, Age + delay) + time in this cache

What cannot be read makes a response stale, never fresh: an Expires that is no date, an Age that is no number.
"""

from __future__ import annotations

import math

from edge.cache.dates import parse_date
from edge.cache.directives import SECONDS_MAX, Rules
from edge.cache.fields import Fields, values

HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""What may be kept without a word about it (RFC 9110 section 15.1)."""

HEURISTIC_SECONDS_MAX = 86_400
"""Longest lifetime that is guessed."""


def date_of(fields: Fields, name: str, *, now: float) -> int | None:
    """The date in a field; None when it is not there, unreadable, or given twice with different values."""
    found = set(values(fields, name))
    return parse_date(found.pop(), now=now) if len(found) == 1 else None


def explicit_lifetime(rules: Rules, fields: Fields, *, received: float) -> int | None:
    """Seconds that the response itself states; None when it states nothing."""
    if rules.lifetime is not None:
        return rules.lifetime
    if rules.targeted or not values(fields, "expires"):
        return None
    expires = date_of(fields, "expires", now=received)
    if expires is None:
        return 0
    date = date_of(fields, "date", now=received)
    return min(max(0, expires - (int(received) if date is None else date)), SECONDS_MAX)


def heuristic_lifetime(rules: Rules, status: int, fields: Fields, *, received: float, fraction: float) -> int:
    """Seconds to guess where nothing is stated. `fraction` of the time since Last-Modified; 0 guesses nothing."""
    if rules.targeted or (status not in HEURISTIC_STATUSES and not rules.public):
        return 0
    modified = date_of(fields, "last-modified", now=received)
    if modified is None:
        return 0
    date = date_of(fields, "date", now=received)
    since = (int(received) if date is None else date) - modified
    return min(max(0, int(since * fraction)), HEURISTIC_SECONDS_MAX)


def initial_age(fields: Fields, *, requested: float, received: float) -> float:
    """Age in seconds at the moment of receipt; infinite when the response's Age cannot be read."""
    said = values(fields, "age")
    if len(said) > 1 or (said and not (said[0].isascii() and said[0].isdecimal())):
        return math.inf
    stated = float(min(int(said[0][:19]), SECONDS_MAX)) if said else 0.0
    date = date_of(fields, "date", now=received)
    apparent = 0.0 if date is None else max(0.0, int(received) - date)  # dates know whole seconds only
    return max(apparent, stated + max(0.0, received - requested))


def current_age(initial: float, *, received: float, now: float) -> float:
    """Age now; infinite when the clock went back, because then nobody knows."""
    return initial + (now - received) if now >= received else math.inf

"""Requests and responses for the tests of the cache's rules."""

from __future__ import annotations

from edge.cache.dates import format_date
from edge.cache.fields import Fields
from edge.cache.stored import Received, Stored, keep
from edge.store.port import Body

NOW = 1_700_000_000.0


def fields(**values: str) -> Fields:
    """`cache_control="no-store"` -> (("Cache-Control", "no-store"),)."""
    return tuple((name.replace("_", "-").title(), value) for name, value in values.items())


def got(status: int = 200, at: float = NOW, **values: str) -> Received:
    head = (("Date", format_date(at)), *fields(**values))
    return Received(status=status, reason="", fields=head, requested=at, received=at)


def stored(
    request: Fields = (), status: int = 200, body: bytes | Body = b"0123456789", at: float = NOW, **values: str
) -> Stored:
    return keep(got(status, at, **values), body, request, heuristic_fraction=0.1)

"""A response that is kept: what came, when, and what follows from it about its use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.cache.directives import Rules, rules_of
from edge.cache.fields import Fields, first
from edge.cache.forward import end_to_end
from edge.cache.freshness import current_age, explicit_lifetime, heuristic_lifetime, initial_age
from edge.cache.pieces import Pieces
from edge.cache.vary import Selection, selection, varies_by
from edge.store.port import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A response as it came. Times are seconds of the wall clock: when it was asked for, when its head was there."""

    status: int
    reason: str
    fields: Fields
    requested: float
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A response that may be used again: whole, or the 200 of which some pieces are held."""

    status: int
    reason: str
    fields: Fields
    """What is kept of the head: no fields of the connection, none that must not be kept."""
    body: bytes | Body
    """In memory, or on the disk; Pieces of an incomplete one."""
    received: float
    rules: Rules
    lifetime: float
    initial_age: float
    varies_by: tuple[str, ...]
    selection: Selection

    @property
    def is_whole(self) -> bool:
        return not isinstance(self.body, Pieces)

    @property
    def body_bytes(self) -> int:
        """Of the whole."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.body_bytes

    def age(self, now: float) -> float:
        return current_age(self.initial_age, received=self.received, now=now)

    def stale_seconds(self, now: float) -> float:
        """How long it has been stale; negative while it is fresh."""
        return self.age(now) - self.lifetime

    def is_fresh(self, now: float) -> bool:
        return self.stale_seconds(now) < 0

    @property
    def etag(self) -> str | None:
        return first(self.fields, "etag")

    @property
    def last_modified(self) -> str | None:
        return first(self.fields, "last-modified")

    @property
    def has_validator(self) -> bool:
        return self.etag is not None or self.last_modified is not None

    @property
    def cost_bytes(self) -> int:
        """Head, what selects it, and a body that is not on the disk, roughly as they lie in memory."""
        texts = (*self.fields, *zip(self.varies_by, (value or "" for value in self.selection), strict=True))
        return (
            held_bytes_of(self.body) + sum(len(name) + len(value) + FIELD_BYTES for name, value in texts) + OBJECT_BYTES
        )


def held_bytes_of(body: bytes | Body) -> int:
    """What of a body lies in memory."""
    if isinstance(body, Pieces):
        return body.held_bytes
    return len(body) if isinstance(body, bytes) else 0


FIELD_BYTES = 160
"""Two texts and a tuple, beside their characters."""
OBJECT_BYTES = 1024


def keep(got: Received, body: bytes | Body, request: Fields, *, heuristic_fraction: float) -> Stored:
    """The stored form of a response that `storable` lets be kept. ValueError when it varies by everything."""
    names = varies_by(got.fields)
    if names is None:
        raise ValueError("a response that varies by everything is for one request only")
    return _dated(got, body, names, selection(names, request), heuristic_fraction)


def renewed(
    stored: Stored, got: Received, fields: Fields, request: Fields, *, heuristic_fraction: float
) -> Stored | None:
    """The same body under an updated head (`validate.updated`); None when it varies by everything now.

    Its age is that of the answer which confirmed it.
    """
    names = varies_by(fields)
    if names is None:
        return None
    head = replace(got, status=stored.status, reason=stored.reason, fields=fields)
    again = _dated(head, stored.body, names, selection(names, request), heuristic_fraction)
    return replace(again, initial_age=initial_age(got.fields, requested=got.requested, received=got.received))


def _dated(
    got: Received, body: bytes | Body, names: tuple[str, ...], selected: Selection, heuristic_fraction: float
) -> Stored:
    rules = rules_of(got.fields)
    lifetime = explicit_lifetime(rules, got.fields, received=got.received)
    if lifetime is None:
        lifetime = heuristic_lifetime(rules, got.status, got.fields, received=got.received, fraction=heuristic_fraction)
    kept = tuple(field for field in end_to_end(got.fields) if field[0].lower() not in rules.excluded)
    return Stored(
        status=got.status,
        reason=got.reason,
        fields=kept,
        body=body,
        received=got.received,
        rules=rules,
        lifetime=lifetime,
        initial_age=initial_age(got.fields, requested=got.requested, received=got.received),
        varies_by=names,
        selection=selected,
    )

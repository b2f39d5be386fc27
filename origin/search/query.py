"""A question to the index, and where its answer stands."""

from __future__ import annotations

from dataclasses import dataclass

from origin.search.conditions import Condition
from origin.search.values import Scalar

Order = tuple[tuple[str, bool], ...]
"""(column, descends); ends with asset_id, so that no two rows stand at one place."""
NEWEST: Order = (("created_at", True), ("asset_id", True))
OLDEST: Order = (("created_at", False), ("asset_id", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    tenant: str
    condition: Condition
    order: Order = NEWEST
    limit: int
    after: tuple[Scalar, ...] | None = None
    """The values of the order of the row that was told last; it may have gone since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    asset_id: str
    place: tuple[Scalar, ...]
    """Its values of the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is to be told of all results: how many have each value of a field, or lie in each range of a number."""

    field: str
    ranges: tuple[tuple[str, Condition], ...] = ()
    """(name, range)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    hits: tuple[Hit, ...]
    total: int
    counts: dict[str, dict[str, int]]
    """By field."""

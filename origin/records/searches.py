"""What a search asks of the storage core, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from origin.records.core import Core
from origin.records.types import Page
from origin.search.conditions import Condition, of_assets, resolve
from origin.search.expression import parse
from origin.search.query import NEWEST, Counting, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search by expression."""

    expression: str = field(default="", repr=False)
    order: Order = NEWEST
    """Of SORTABLE columns; at least one."""
    max_results: int = 50
    cursor: str | None = None
    counts: tuple[Counting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage(Page):
    """One page of what was found, and what is to be told of all of it."""

    total: int
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderHit:
    path: str
    created_at: float | None
    """None: nobody made it, it is where assets lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPage:
    """One page of folders that were found."""

    folders: tuple[FolderHit, ...]
    total: int
    next_cursor: str | None = None


def condition_of(core: Core, tenant: str, expression: str) -> Condition:
    """What an expression asks of one cloud's assets, now. Raises BadRequest, LimitExceeded."""

    def hashed(subject: str) -> str:
        return core.hash_of(tenant, "subject", subject)

    return resolve(parse(expression), of_assets(now=core.now(), hashed=hashed))

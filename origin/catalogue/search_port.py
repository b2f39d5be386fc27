"""What the storage core asks of the search index. It holds plaintext, and is always rebuilt, never restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.journal import Head
from origin.catalogue.search_building import Building
from origin.journal import Change
from origin.search.conditions import Condition
from origin.search.document import Document
from origin.search.query import Counting, Found, Hit, Query


class SearchIndex(Protocol):
    """All tenants' assets. Questions raise Overloaded when too many wait, or while assets of the tenant may be missing (after
    a wait, unless they are asked by a change, which keeps others waiting); LimitExceeded when one takes too long.
    """

    building: Building
    """How far it is."""
    scrub_seconds: float
    """How soon after a removal `scrub` is to be asked for, for the first time."""

    @property
    def residual(self) -> str:
        """Where bytes of what was removed may still lie; empty: nowhere."""

    async def begin(self, tenants: Iterable[str]) -> None:
        """At a start: those of them that it does not hold as they are now are built from here on."""

    async def put(self, change: Change, document: Document) -> None:
        """Add or replace an asset; seen by whoever asks once the change is committed."""

    async def remove(self, change: Change, asset_ids: Iterable[str]) -> None:
        """Nothing of them stays: see `scrub`."""

    async def fill(self, tenant: str, documents: Sequence[Document], *, head: int) -> bool:
        """Add assets as they were when the journal's head was there; what a change has told since stays as it is.
        False: read them again.
        """

    async def complete(self, tenant: str, era: int) -> None:
        """Every asset was given to `fill` since `building.era` was that."""

    async def ready(self, tenant: str) -> None:
        """Returns once none is missing. Raises Overloaded after a wait."""

    async def follow(self, change: Change) -> None:
        """At the end of every change: the index has everything up to its number."""

    async def adopt(self, connection: AsyncConnection, tenant: str, head: Head) -> None:
        """In the transaction that makes a cloud."""

    async def scrub(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Bytes of what was removed go, too, as far as they can; looked after now and then. `is_over`: leave off soon."""

    async def find(self, query: Query, change: Change | None = None) -> tuple[Hit, ...]:
        """Assets in the order asked for. `change`: as that transaction sees them."""

    async def search(self, query: Query, counts: Sequence[Counting]) -> Found:
        """The same, and how many there are in all. One after the other: it may take long."""

    async def totals(self, tenant: str, change: Change | None = None) -> tuple[int, int]:
        """(assets, bytes of their originals)."""

    async def count(self, tenant: str, condition: Condition) -> int:
        """How many match."""

    async def resource_types(self, tenant: str) -> list[str]:
        """Those of which there are assets, sorted."""

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> list[str]:
        """Tags in use, sorted, each once, at most `limit`, after one of them."""

    async def folders_below(self, tenant: str, parent: str, *, limit: int) -> list[str]:
        """Names of the folders right below one ("": the root) that hold assets, at any depth; at most `limit`, in no order."""

    async def folders(self, tenant: str, limit: int) -> list[str]:
        """Asset folders in use, sorted, each once."""

    async def longest_folder(self, tenant: str, folder: str) -> int:
        """Characters of the longest asset folder in use: that one, or one below it; 0 for none."""

    async def close(self) -> None: ...

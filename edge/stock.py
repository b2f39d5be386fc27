"""Of which versions there are files on this node's disk, told to the origin now and then: for its placement ledger.

Rows of `node.db` whose files are there, page by page and without haste. Only aids leave, of tenants whose policy lets what is known of
their assets be told. A listing that is cut short closes nothing; the next one begins anew. What workers hold in memory is not told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import islice

import structlog

from domicile.media.asset import Aid
from domicile.media.errors import MediaError
from domicile.media.policy import Permit, Place
from domicile.media.wire import CopyListing
from domicile.service.gate.wire import WireClient
from edge.node import Node
from edge.nodedb import NodeDb
from edge.reports import permit_to_tell
from edge.store.files import Files

ROWS_PER_PAGE = 500
AIDS_PER_PART = 1000
"""As many as the origin takes."""
PAGE_PAUSE_SECONDS = 0.1
FIRST_SECONDS_MAX = 60.0
"""From the node's start to its first listing."""

log = structlog.get_logger("edge.stock")


class Stock:
    """Lists one node's files. `flush`: writes the rows that wait."""

    def __init__(
        self,
        node: Node,
        db: NodeDb,
        wire: WireClient,
        files: Files,
        *,
        node_id: str,
        place: Place,
        seconds: float,
        flush: Callable[[], Awaitable[None]],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._node = node
        self._db = db
        self._wire = wire
        self._files = files
        self._node_id = node_id
        self._place = place
        self._seconds = seconds
        self._flush = flush
        self._wall_clock = wall_clock

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(min(self._seconds, FIRST_SECONDS_MAX))
        while True:
            try:
                await self.take()
            except (MediaError, OSError) as failed:
                log.info("copies_not_listed", reason=type(failed).__name__)
            await asyncio.sleep(self._seconds)

    async def take(self) -> None:
        """One listing. Raises MediaError, OSError."""
        permits = {name: permit for name in self._node.tenants if (permit := self._permit(name)) is not None}
        for tenant, permit in permits.items():
            await self._wire.copies(permit, CopyListing(node=self._node_id, tenant=tenant, opens=True))
        await self._flush()
        after = ""
        while rows := await self._db.objects(after, ROWS_PER_PAGE):
            present = await asyncio.to_thread(self._files.present, [row.file_name for row in rows])
            found: dict[str, dict[Aid, None]] = {}
            for row in rows:
                if row.file_name in present and row.tenant in permits:
                    found.setdefault(row.tenant, {}).update(dict.fromkeys(row.contributors))
            for tenant, aids in found.items():
                await self._tell(permits[tenant], list(aids))
            after = rows[-1].file_name
            await asyncio.sleep(PAGE_PAUSE_SECONDS)
        for tenant in permits:
            if (still := self._permit(tenant)) is not None:
                await self._wire.copies(still, CopyListing(node=self._node_id, tenant=tenant, closes=True))

    async def _tell(self, permit: Permit, aids: list[Aid]) -> None:
        rest = iter(aids)
        while part := tuple(islice(rest, AIDS_PER_PART)):
            await self._wire.copies(permit, CopyListing(node=self._node_id, tenant=permit.tenant, aids=part))

    def _permit(self, tenant: str) -> Permit | None:
        return permit_to_tell(self._node, tenant, self._place, at=self._wall_clock())

"""Commits whose outcome nobody heard: a server was lost while it committed.

The server is asked, under the lock of the tenant's head, whether the entry is there, and what follows on a commit follows
then. Until it has answered, nothing more is changed for that tenant. The caller waits for the answer for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import structlog
from sqlalchemy import select

from domicile.media.errors import MediaError, Overloaded, UpstreamUnavailable
from domicile.media.journal import Entry
from origin.catalogue.engine import LOCK_SECONDS, Database
from origin.catalogue.tables import journal_entry, journal_head

DOUBT_SECONDS_MAX = 5.0
"""How long a caller waits for a server to come back and say whether it has committed."""
DOUBT_PAUSE_SECONDS = 0.2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One entry that may be committed."""

    entry: Entry
    follow: Callable[[], Awaitable[None]]
    """What follows on a commit."""


class Doubts:
    """At most one for each tenant, since whoever changes something has the tenant's turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns: dict[str, asyncio.Lock] = {}
        self._open: dict[str, Doubt] = {}

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """One change of a tenant at a time, to the end of what follows on its commit: those who wait hold no connection, and
        indexes in memory see commits in their order. On SQLite the one connection that writes is the turn.
        """
        if self._database.is_sqlite:
            yield
            return
        turn = self._turns.setdefault(tenant, asyncio.Lock())
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                await turn.acquire()
        except TimeoutError as late:
            raise Overloaded("The catalogue is busy: try again") from late
        try:
            yield
        finally:
            turn.release()

    def has(self, tenant: str) -> bool:
        return tenant in self._open

    def note(self, doubt: Doubt) -> None:
        """A commit failed. SQLite has rolled back what it could not commit, and says so."""
        if not self._database.is_sqlite:
            self._open[doubt.entry.tenant] = doubt

    async def settle_all(self) -> None:
        """Raises Overloaded, UpstreamUnavailable."""
        for tenant in list(self._open):
            async with self.turn(tenant):
                await self.settle(tenant)

    async def settle_soon(self, tenant: str) -> None:
        """Right after a commit failed: returns when it is there after all. The caller has the turn."""
        deadline = asyncio.get_running_loop().time() + DOUBT_SECONDS_MAX
        while True:
            try:
                if await self.settle(tenant):
                    return
            except MediaError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(DOUBT_PAUSE_SECONDS)
            else:
                raise UpstreamUnavailable("The catalogue was lost and nothing was changed: try again")

    async def settle(self, tenant: str) -> bool:
        """Is what was in doubt committed? False when there was no doubt, too. The caller has the turn.

        The head is locked for the question: a server may be about to commit for a connection that nobody holds any more.
        """
        doubt = self._open.get(tenant)
        if doubt is None:
            return False
        head, row = journal_head.c, journal_entry.c
        async with self._database.write() as connection:
            await connection.execute(select(head.seq).where(head.tenant == tenant).with_for_update())
            found = await connection.scalar(select(row.entry).where(row.tenant == tenant, row.seq == doubt.entry.seq))
        is_committed = found == msgspec.msgpack.encode(doubt.entry)
        del self._open[tenant]
        log.warning("commit_was_in_doubt", committed=is_committed)
        if is_committed:
            await doubt.follow()
        return is_committed

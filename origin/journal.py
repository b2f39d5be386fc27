"""The journal: every change of what may be served or selected, numbered per tenant inside its own transaction.

    async with journal.change(tenant) as change:      # BEGIN; UPDATE journal_head SET seq=seq+1 ... RETURNING
        ...resolve, re-check, write over change.connection...
        change.record(Kind.ASSET, aids=..., names=...)
    # committed, mirrored, readers woken

The locked head row orders the transactions of a tenant: commit order is number order, there are no gaps and no clocks
(decisions C.1; a sequence or max()+1 loses entries to a tailing reader). A block that records nothing is rolled back; one that
changes more than an entry holds records several, with numbers one after the other.

An entry whose copy cannot be written to the mirror is committed all the same, and its caller gets UpstreamUnavailable: an
answer claims no durability that is not there (decisions C.4). Until the mirror has it, nothing more is committed.

A server that is lost while it commits leaves a doubt, which is settled before anything else is (`origin.doubts`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import msgspec
import structlog
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, MediaError, UpstreamUnavailable
from domicile.media.journal import ENTRY_TARGETS_MAX, GENESIS, Entry, Head, Kind, chain_of
from domicile.media.wire import JournalAnswer
from origin.catalogue.engine import Database
from origin.catalogue.tables import journal_entry, journal_head
from origin.continuity import Continuity
from origin.doubts import Doubt, Doubts
from origin.journal_reading import answer_after, read_heads, targets_of
from origin.mirror_records import Mirrors

WAIT_SECONDS_MAX = 30.0
NOTHING = Head(epoch=1, seq=0, chain=GENESIS)
"""Head of a journal without entries."""
POLL_SECONDS = 1.0
"""How often a waiting reader looks by itself: entries of another origin process wake nobody here."""
_COUNTED = frozenset({Kind.ERASE, Kind.RESTRICT, Kind.HOLD})
"""Kinds whose aids a restored catalogue is told of again (`records.recovery`)."""

log = structlog.get_logger(__name__)


def chained(previous: str, plain: Entry) -> Entry:
    """The entry, tied to everything before it."""
    return msgspec.structs.replace(plain, chain=chain_of(previous, plain))


@dataclass(slots=True, kw_only=True)
class Change:
    """One transaction that has advanced a tenant's head."""

    connection: AsyncConnection
    tenant: str
    epoch: int
    seq: int
    """Of its first entry."""
    previous: str
    purged: int
    """Targets that this tenant's purges have piled up since the last entry ALL, before this change."""
    entries: list[Entry] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    """Called in commit order, before anybody else may commit: for indexes in memory. Must not fail."""
    grown_assets: int = 0
    grown_bytes: int = 0
    """What this transaction has brought so far, less what it has taken: for a follower that keeps sums."""

    def record(
        self, kind: Kind, *, aids: tuple[Aid, ...] = (), names: tuple[NameHash, ...] = (), config_revision: int = 0
    ) -> None:
        """Say what this transaction changed, in place of what was said before; too many targets become ALL, once."""
        if kind not in _COUNTED and len(aids) + len(names) > ENTRY_TARGETS_MAX:
            kind, aids, names = Kind.ALL, (), ()
        self.entries.clear()
        self._add(kind, aids, names, config_revision)

    def record_more(self, kind: Kind, *, aids: tuple[Aid, ...] = (), names: tuple[NameHash, ...] = ()) -> None:
        """One more entry of this transaction, after those that it has."""
        self._add(kind, aids, names, 0)

    def _add(self, kind: Kind, aids: tuple[Aid, ...], names: tuple[NameHash, ...], config_revision: int) -> None:
        if len(aids) + len(names) > ENTRY_TARGETS_MAX:
            raise ValueError(f"{kind} is cut into entries by its caller: its aids must not be lost in ALL")
        plain = Entry(
            tenant=self.tenant,
            epoch=self.epoch,
            seq=self.seq + len(self.entries),
            kind=kind,
            aids=aids,
            names=names,
            config_revision=config_revision,
        )
        self.entries.append(chained(self.entries[-1].chain if self.entries else self.previous, plain))

    @property
    def entry(self) -> Entry | None:
        """The last one."""
        return self.entries[-1] if self.entries else None

    @property
    def head(self) -> Head:
        """The head once this is committed."""
        if self.entry is None:
            raise ValueError("nothing recorded yet")
        return Head(epoch=self.epoch, seq=self.entry.seq, chain=self.entry.chain)


class Journal:
    """All tenants' journals of one database."""

    def __init__(
        self,
        database: Database,
        *,
        mirror: Mirrors | None = None,
        on_commit: Callable[[Entry], None] | None = None,
        on_unfinished: Callable[[], None] | None = None,
        on_put_back: Callable[[], None] | None = None,
    ) -> None:
        """`on_unfinished` is called when an entry is, or may be, committed and its caller hears an error: somebody must clean
        up. `on_put_back`: see `origin.continuity`.
        """
        self._database = database
        self._mirror = mirror
        self._on_commit = on_commit
        self._on_unfinished = on_unfinished
        self.continuity = Continuity(lambda: mirror.ends if mirror else {}, on_put_back=on_put_back)
        self._news = asyncio.Event()
        self._unmirrored: list[Entry] = []
        self.followers: list[Callable[[Change], Awaitable[None]]] = []
        """The last that a change does in its transaction: what they write is there exactly if its entries are."""
        self._copying = asyncio.Lock()
        self._doubts = Doubts(database)

    @staticmethod
    async def begin(connection: AsyncConnection, tenant: str, *, past: Head | None = None) -> None:
        """Give a new tenant an empty journal, or one that goes on after a past that only the mirror knows."""
        head = Head(epoch=past.epoch + 1, seq=past.seq, chain=past.chain) if past else NOTHING
        await connection.execute(
            insert(journal_head).values(tenant=tenant, epoch=head.epoch, seq=head.seq, hash=head.chain)
        )

    def past(self, tenant: str) -> Head | None:
        """Where the mirror's entries of a tenant end; for a tenant that is about to be made."""
        return self._mirror.ends.get(tenant) if self._mirror else None

    def knows_hold(self, tenant: str, hold: str) -> bool:
        """Would a catalogue that is put back hear of it?"""
        return self._mirror is None or hold in self._mirror.holds(tenant)

    @asynccontextmanager
    async def change(self, tenant: str) -> AsyncIterator[Change]:
        """A numbered transaction. Run it inside a Shield.

        Raises AssetNotFound (no such tenant), Overloaded, UpstreamUnavailable (see above; at the end: it is committed, or
        may be).
        """
        async with self._doubts.turn(tenant):
            if await self._doubts.settle(tenant):
                self._unfinished()  # its caller has heard an error
            try:
                async with self._database.writer() as connection:
                    if self._unmirrored and not await self._copied():
                        raise UpstreamUnavailable("The journal's mirror cannot be written; nothing was changed")
                    async with connection.begin() as transaction:
                        change = await self._advance(connection, tenant)
                        yield change
                        await self._end(change, transaction)
                    if change.entries:  # embedded: still holds the one writer connection, so order is kept
                        await self._committed(change)
            except MediaError:
                if not self._doubts.has(tenant):
                    raise
                await self._resolve(tenant)

    async def _end(self, change: Change, transaction: AsyncTransaction) -> None:
        if change.entry is None:
            await transaction.rollback()
            return
        await self._store(change, change.entry)
        for follow in self.followers:
            await follow(change)
        try:
            await transaction.commit()
        except Exception:
            self._doubts.note(Doubt(entry=change.entry, follow=partial(self._committed, change)))
            raise

    async def _resolve(self, tenant: str) -> None:
        try:
            await self._doubts.settle_soon(tenant)
        except MediaError:
            self._unfinished()
            raise

    def _unfinished(self) -> None:
        if self._on_unfinished is not None:
            self._on_unfinished()

    async def settle(self) -> None:
        """Ask about every commit that is in doubt. Raises Overloaded, UpstreamUnavailable."""
        await self._doubts.settle_all()

    async def _advance(self, connection: AsyncConnection, tenant: str) -> Change:
        head = journal_head
        moved = await connection.execute(
            update(head)
            .where(head.c.tenant == tenant)
            .values(seq=head.c.seq + 1)
            .returning(head.c.epoch, head.c.seq, head.c.hash, head.c.purged)
        )
        row = moved.first()
        if row is None:
            raise AssetNotFound("no such cloud")
        before = Head(epoch=row.epoch, seq=row.seq - 1, chain=row.hash)
        self.continuity.check(self.continuity.known(), {tenant: before})  # nobody else changes this tenant now
        return Change(
            connection=connection,
            tenant=tenant,
            epoch=row.epoch,
            seq=row.seq,
            previous=row.hash,
            purged=row.purged,
        )

    async def _store(self, change: Change, last: Entry) -> None:
        head = journal_head
        rows = [
            {"tenant": entry.tenant, "seq": entry.seq, "entry": msgspec.msgpack.encode(entry)}
            for entry in change.entries
        ]
        await change.connection.execute(insert(journal_entry), rows)
        await change.connection.execute(
            update(head)
            .where(head.c.tenant == change.tenant)
            .values(seq=last.seq, hash=last.chain, purged=_piled_up(change))
        )

    async def _committed(self, change: Change) -> None:
        for step in change.after_commit:
            step()
        if self._on_commit is not None:
            for entry in change.entries:
                self._on_commit(entry)
        waiting, self._news = self._news, asyncio.Event()
        waiting.set()
        if self._mirror is not None:
            self._unmirrored += change.entries
            if not await self._copied():
                self._unfinished()
                raise UpstreamUnavailable("Done, and not yet copied to the journal's mirror: ask again")

    async def _copied(self) -> bool:
        """Is everything that is committed in the mirror now?"""
        async with (
            self._copying
        ):  # of several tenants at once, on a server: one call copies what all have committed by then
            if self._mirror is not None and self._unmirrored:
                entries = tuple(self._unmirrored)
                try:
                    await asyncio.to_thread(self._mirror.append, entries)
                except Exception:  # a disk or a thread: the entries stay here, in order
                    log.exception("journal_not_mirrored", entries=len(entries))
                    return False
                del self._unmirrored[: len(entries)]
        return True

    async def heads(self) -> dict[str, Head]:
        """Every tenant's head."""
        async with self._database.read() as connection:
            return await read_heads(connection)

    async def entries(self, cursors: Mapping[str, int], *, wait_seconds: float) -> JournalAnswer:
        """Entries after the cursors; waits for the first one. At most ENTRIES_PER_ANSWER_MAX.

        A cursor before the oldest entry that is kept is told in `compacted`: its reader has to start again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_seconds, WAIT_SECONDS_MAX)
        while True:
            news = self._news  # taken before the look, so that nothing is missed between look and wait
            answer = await self._database.snapshot(partial(answer_after, cursors=cursors))
            left = deadline - loop.time()
            if answer.entries or answer.unknown or answer.compacted or left <= 0:
                return answer
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, POLL_SECONDS)):
                    await news.wait()


def _piled_up(change: Change) -> int:
    """Targets of purges since the last ALL, which is what a reader's fence has to remember of them."""
    purged = change.purged
    for entry in change.entries:
        if entry.kind == Kind.ALL:
            purged = 0
        elif entry.kind == Kind.ASSET:
            purged += targets_of(entry)
    return purged

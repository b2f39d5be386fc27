"""The crawler: do these records tell of every original that the store has, and has it every one that they tell of? (I20)

It goes through the store in the order of its keys, a page at a time, and through the rows of the same span; what differs is asked about
once more. How far it has come is in the catalogue, so that a restart goes on; after the last page it looks at what edges have listed that
they should not have. Then the numbers of a whole pass are there to be told, and they name nobody. It changes nothing: bytes that no record
tells of may be told of by another backup of the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain

import msgspec
import structlog
from sqlalchemy import Table, delete, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.catalogue import tables as t
from origin.catalogue.place_tables import crawl as table
from origin.catalogue.sql import IN_MAX
from origin.records.core import Core
from origin.records.crawl_steps import Span, compare, parts_of, spans
from origin.records.edge_copies import strangers
from origin.store.port import Blob, BlobMissing, key_of

PAGE_MAX = 1000
"""Originals, or rows, of one page."""
PAGES_PER_ROUND = 20
"""Of the upkeep, each minute."""
PAUSE_SECONDS = 0.05
"""Between two pages: what serves comes first."""
EXAMPLES_MAX = 20
"""Aids that are told of what differs."""

_HELD = (t.version, t.backup, t.chunk)
_PASSING = (t.draft, t.doomed)

log = structlog.get_logger(__name__)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """Something that differs."""

    where: str
    """"store" or "edge"."""
    difference: str
    """"unlisted" or "phantom"."""
    cloud: str
    version_id: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What differed so far."""

    unlisted: int = 0
    """Originals that no record tells of."""
    phantom: int = 0
    """Originals that are told of and not there."""
    strangers: int = 0
    """Copies at edges of what has gone or was never here."""
    examples: tuple[Example, ...] = ()

    @property
    def total(self) -> int:
        return self.unlisted + self.phantom + self.strangers


class Crawled(msgspec.Struct, frozen=True, kw_only=True):
    """A whole pass."""

    began_at: float
    finished_at: float
    compared: int
    """Originals."""
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it has come."""

    after: str
    began_at: float
    finished_at: float | None
    compared: int
    found: Found
    last: Crawled | None


class Crawler:
    """Of one origin. Steps are made one at a time, whoever asks for them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def standing(self) -> Standing | None:
        """None: it has never begun."""
        async with self._core.database.read() as connection:
            row = (await connection.execute(select(table))).one_or_none()
        if row is None:
            return None
        return Standing(
            after=row.after,
            began_at=row.began_at,
            finished_at=row.finished_at,
            compared=int(row.compared),
            found=msgspec.msgpack.decode(row.found, type=Found),
            last=msgspec.msgpack.decode(row.last, type=Crawled) if row.last is not None else None,
        )

    async def begin_anew(self) -> None:
        """These records are older than what the last pass compared."""
        async with self._core.database.write() as connection:
            await connection.execute(delete(table))

    async def round(self, *, is_over: Callable[[], bool] = lambda: False) -> None:
        """Some pages, when one is under way or due; what a whole pass found goes into the log."""
        standing, now = await self.standing(), self._core.now()
        rests_until = 0.0 if standing is None or standing.finished_at is None else standing.finished_at
        if standing is not None and standing.finished_at is not None:
            rests_until += self._core.settings.crawl_seconds
        if now < rests_until:
            return
        for _ in range(PAGES_PER_ROUND):
            if is_over() or (await self.step()).finished_at is not None:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def step(self, *, anew: bool = False) -> Standing:
        """One page; the first one of a new pass if none is under way, or `anew`. UpstreamUnavailable, Overloaded."""
        async with self._core.crawling:
            now, standing = self._core.now(), await self.standing()
            if standing is None or standing.finished_at is not None or anew:
                last = standing.last if standing is not None else None
                standing = Standing(after="", began_at=now, finished_at=None, compared=0, found=Found(), last=last)
            standing = await self._page(standing, older_than=now - self._core.settings.crawl_grace_seconds)
            await self._save(standing)
        if standing.finished_at is not None and standing.found.total:
            found = standing.found
            log.warning(
                "copies_differ", unlisted=found.unlisted, phantom=found.phantom, strangers_at_edges=found.strangers
            )
        return standing

    async def _page(self, at: Standing, *, older_than: float) -> Standing:
        """The listing comes before the rows: what is listed has its row before its bytes, and loses it after them."""
        core = self._core
        async with aclosing(_limited(core.blobs.list(at.after), PAGE_MAX)) as listing:
            listed = [blob async for blob in listing]
        until = listed[-1].key if len(listed) == PAGE_MAX else None
        tenants = {*core.tenants.all(), *(blob.tenant for blob in listed)}
        held: list[str] = []
        async with core.database.read() as connection:
            for span in spans(at.after, until, tenants):
                held += await _held(connection, span, limit=PAGE_MAX - len(held))
                if len(held) == PAGE_MAX:  # more rows than bytes: the page ends where they do
                    until = held[-1] if until is None else min(until, held[-1])
                    break
            listed = [blob for blob in listed if until is None or blob.key <= until]
            told = set(held)
            unknown = [blob.key for blob in listed if blob.key not in told]
            passing = await _known(connection, unknown, (*_PASSING, *_HELD))
        differ = compare(listed, held, passing, older_than=older_than)
        unlisted = [blob.key for blob in differ.unlisted if await self._is_listed(blob.key)]
        phantom = [key for key in differ.phantom if not await self._can_be_read(key)]
        phantom = await self._still_held(phantom)
        found = _more(at.found, unlisted=unlisted, phantom=phantom)
        compared = at.compared + len({*held, *(blob.key for blob in listed)})
        if until is not None:
            return Standing(
                after=until, began_at=at.began_at, finished_at=None, compared=compared, found=found, last=at.last
            )
        return await self._finished(at.began_at, compared, found)

    async def _finished(self, began_at: float, compared: int, found: Found) -> Standing:
        async with self._core.database.read() as connection:
            count, some = await strangers(connection, limit=EXAMPLES_MAX)
        examples = (Example(where="edge", difference="unlisted", cloud=cloud, version_id=aid) for cloud, aid in some)
        found = msgspec.structs.replace(
            found, strangers=count, examples=tuple(chain(found.examples, examples))[:EXAMPLES_MAX]
        )
        now = self._core.now()
        last = Crawled(began_at=began_at, finished_at=now, compared=compared, found=found)
        return Standing(after="", began_at=began_at, finished_at=now, compared=compared, found=found, last=last)

    async def _is_listed(self, key: str) -> bool:
        async with aclosing(_limited(self._core.blobs.list(key[:-1]), PAGE_MAX)) as listing:
            async for blob in listing:
                if blob.key >= key:
                    return blob.key == key
        return False

    async def _can_be_read(self, key: str) -> bool:
        try:
            await self._core.blobs.size(*parts_of(key))
        except BlobMissing:
            return False
        return True

    async def _still_held(self, keys: Sequence[str]) -> list[str]:
        """Those that were not deleted between the listing and now: asked after it was seen that their bytes are not there."""
        if not keys:
            return []
        async with self._core.database.read() as connection:
            held = await _known(connection, keys, _HELD)
        return [key for key in keys if key in held]

    async def _save(self, at: Standing) -> None:
        values = {
            "after": at.after,
            "began_at": at.began_at,
            "finished_at": at.finished_at,
            "compared": at.compared,
            "found": msgspec.msgpack.encode(at.found),
            "last": msgspec.msgpack.encode(at.last) if at.last is not None else None,
        }
        async with self._core.database.write() as connection:
            if (await connection.execute(update(table).where(table.c.id == 1).values(**values))).rowcount == 0:
                await connection.execute(insert(table).values(id=1, **values))


async def _limited(blobs: AsyncIterator[Blob], most: int) -> AsyncGenerator[Blob, None]:
    left = most
    async for blob in blobs:
        yield blob
        left -= 1
        if not left:
            return


async def _held(connection: AsyncConnection, span: Span, *, limit: int) -> list[str]:
    """Keys of the rows of a span whose bytes must be there, in order."""
    each = [
        select(one.c.aid).where(one.c.tenant == span.tenant, one.c.aid > span.after, one.c.aid <= span.until)
        for one in _HELD
    ]
    rows = union_all(*(one.order_by(one.selected_columns.aid).limit(limit).subquery().select() for one in each))
    both = rows.subquery()
    found = await connection.scalars(select(both.c.aid).order_by(both.c.aid).limit(limit))
    return [key_of(span.tenant, aid) for aid in found]


async def _known(connection: AsyncConnection, keys: Sequence[str], tables: Sequence[Table]) -> set[str]:
    """Those that have a row in any of the tables: in one question, as a version goes from one table to the next."""
    known: set[str] = set()
    for at in range(0, len(keys), IN_MAX // len(tables)):
        aids = [parts_of(key)[1] for key in keys[at : at + IN_MAX // len(tables)]]
        each = [select(one.c.tenant, one.c.aid).where(one.c.aid.in_(aids)) for one in tables]
        known.update(key_of(row.tenant, row.aid) for row in await connection.execute(union_all(*each)))
    return known


def _more(found: Found, *, unlisted: Sequence[str], phantom: Sequence[str]) -> Found:
    named = chain(((key, "unlisted") for key in unlisted), ((key, "phantom") for key in phantom))
    parted = ((*parts_of(key), difference) for key, difference in named)
    examples = (
        Example(where="store", difference=difference, cloud=cloud, version_id=aid) for cloud, aid, difference in parted
    )
    return msgspec.structs.replace(
        found,
        unlisted=found.unlisted + len(unlisted),
        phantom=found.phantom + len(phantom),
        examples=tuple(chain(found.examples, examples))[:EXAMPLES_MAX],
    )

"""The register of requests of persons: what was asked, by when it must be answered, and how that ended.

A row has a number and a day in the open, so that the overdue ones can be found and counted; everything else is sealed under a
key of the cloud, and whom a request is about stands there as a keyed hash. A closed case is kept for a while, as proof.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy import case as when

from domicile.media.asset import NameHash
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from origin.catalogue.subject_tables import subject_case as table
from origin.records.case_dates import day_numbered, day_of, due_of, number_of
from origin.records.cloud_seals import open_for_cloud, seal_for_cloud
from origin.records.core import Core, check_texts
from origin.records.tasks import NewTask, Says, Word

CASE_ID_BYTES = 16
CASES_MAX = 100_000
"""Of one cloud, closed ones included."""
DAY_SECONDS = 86_400.0
DUE_ROWS_MAX = 100
"""Cases of which notices are left in one round."""
KIND = "subject_case"

Words = Callable[[str, Says | None, int], AbstractAsyncContextManager[Sequence[Word]]]
"""Keys for what is told of no asset: see `records.seam`."""


class CaseKind(StrEnum):
    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    PORTABILITY = "portability"
    OBJECTION = "objection"


class Outcome(StrEnum):
    """How a case ended."""

    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Told(IntEnum):
    """What was left to be told of a case."""

    NOTHING = 0
    SOON = 1
    OVERDUE = 2


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed; fields may be added with defaults."""

    kind: CaseKind
    received: date
    created_at: float
    subject: NameHash | None = None
    """Keyed hash of whom it is about."""
    reference: str = ""
    """What the caller calls it."""
    extended_at: float | None = None
    extension_reason: str = ""
    outcome: Outcome | None = None
    closed_at: float | None = None
    closing_reason: str = ""
    erasure_id: str = ""
    export_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What was made for a case; empty: nothing new."""

    erasure_id: str = ""
    export_id: str = ""

    def in_(self, detail: Detail) -> Detail:
        return msgspec.structs.replace(
            detail, erasure_id=self.erasure_id or detail.erasure_id, export_id=self.export_id or detail.export_id
        )


NO_LINKS = Links()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One of them."""

    tenant: str
    case_id: str
    is_open: bool
    due: date
    detail: Detail

    def is_overdue(self, today: date) -> bool:
        return self.is_open and today > self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    cases: tuple[Case, ...]
    next_cursor: str | None


Change = Callable[[Case], Detail]
"""Raises BadRequest for what may not be."""


class Cases:
    """Of all clouds."""

    def __init__(self, core: Core, words: Words) -> None:
        self._core = core
        self._words = words

    async def open(self, tenant: str, detail: Detail) -> Case:
        """Raises LimitExceeded, BadRequest."""
        check_texts([detail.reference])
        core, case_id, due = self._core, secrets.token_hex(CASE_ID_BYTES), due_of(detail.received)
        mine = select(func.count()).select_from(table).where(table.c.tenant == tenant)
        row = {"tenant": tenant, "id": case_id, "is_open": True, "due_day": number_of(due), "told": Told.NOTHING}
        async with core.database.write() as connection:
            if (await connection.scalar(mine) or 0) >= CASES_MAX:
                raise LimitExceeded(f"Too many cases: at most {CASES_MAX}")
            await connection.execute(insert(table).values(**row, detail=self._sealed(tenant, detail)))
        return Case(tenant=tenant, case_id=case_id, is_open=True, due=due, detail=detail)

    async def get(self, tenant: str, case_id: str) -> Case:
        """Raises AssetNotFound."""
        async with self._core.database.read() as connection:
            row = (await connection.execute(select(table).where(*_at(tenant, case_id)))).first()
        if row is None:
            raise _missing()
        return self._case(row)

    async def extend(self, tenant: str, case_id: str, reason: str) -> Case:
        """By two further months; once, and while the first one runs. AssetNotFound, BadRequest."""
        now = self._core.now()

        def extended(case: Case) -> Detail:
            if case.detail.extended_at is not None:
                raise BadRequest("This case has been extended already")
            if case.is_overdue(day_of(now)):
                raise BadRequest("This case is overdue: the person had to be told of an extension by its due date")
            return msgspec.structs.replace(case.detail, extended_at=now, extension_reason=reason)

        return await self._change(tenant, case_id, extended, told=Told.NOTHING)

    async def link(self, tenant: str, case_id: str, links: Links) -> Case:
        """Note what was done for it. AssetNotFound, BadRequest."""
        return await self._change(tenant, case_id, lambda case: links.in_(case.detail))

    async def close(
        self, tenant: str, case_id: str, outcome: Outcome, reason: str, links: Links = NO_LINKS, *, kept_days: int
    ) -> Case:
        """AssetNotFound, BadRequest."""
        now = self._core.now()

        def closed(case: Case) -> Detail:
            ended = msgspec.structs.replace(case.detail, outcome=outcome, closed_at=now, closing_reason=reason)
            return links.in_(ended)

        return await self._change(tenant, case_id, closed, kept_until=now + kept_days * DAY_SECONDS)

    async def page(self, tenant: str, *, is_open: bool | None, overdue: bool, limit: int, cursor: str) -> CasePage:
        """By the day on which they are due, so that the overdue ones come first. `is_open` None: all. BadRequest."""
        query = select(table).where(table.c.tenant == tenant)
        if is_open is not None:
            query = query.where(table.c.is_open == is_open)
        if overdue:
            query = query.where(table.c.due_day < self._today)
        if cursor:
            query = query.where(tuple_(table.c.due_day, table.c.id) > _place(cursor))
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.due_day, table.c.id).limit(limit + 1))).all()
        last = rows[limit - 1] if len(rows) > limit else None
        return CasePage(
            cases=tuple(map(self._case, rows[:limit])),
            next_cursor=None if last is None else f"{last.due_day}-{last.id}",
        )

    # --- the clock ----------------------------------------------------------------------------------------------------

    async def counts(self) -> tuple[int, int]:
        """How many are open, and how many of these are overdue; of all clouds."""
        late = func.coalesce(func.sum(when((table.c.due_day < self._today, 1), else_=0)), 0)
        async with self._core.database.read() as connection:
            row = (await connection.execute(select(func.count(), late).where(table.c.is_open))).one()
        return int(row[0]), int(row[1])

    async def untold(self, *, days: int) -> tuple[tuple[Case, Told], ...]:
        """Open ones that are due within `days`, or overdue, and of which nobody was told so; some, whichever."""
        today = self._today
        late = and_(table.c.told < Told.OVERDUE, table.c.due_day < today)
        soon = and_(table.c.told < Told.SOON, table.c.due_day <= today + days)
        query = select(table).where(table.c.is_open, or_(late, soon)).order_by(table.c.due_day).limit(DUE_ROWS_MAX)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query)).all()
        known = self._core.tenants.all()
        return tuple(
            (self._case(row), Told.OVERDUE if row.due_day < today else Told.SOON) for row in rows if row.tenant in known
        )

    async def tell(self, one: Case, told: Told, tasks: Sequence[NewTask]) -> None:
        """Leave the notices, and note that they were left; both or neither, and once."""
        core = self._core
        mine = update(table).where(*_at(one.tenant, one.case_id), table.c.is_open, table.c.told < told)
        says: Says | None = (lambda _records: tuple(tasks)) if tasks else None
        async with self._words(one.tenant, says, 1) as words, core.database.write() as connection:
            noted = await connection.execute(mine.values(told=told))
            if noted.rowcount == 1:
                for word in words:
                    await word.leave(core, connection, ())

    @property
    def _today(self) -> int:
        return number_of(day_of(self._core.now()))

    async def _change(self, tenant: str, case_id: str, edit: Change, **values: Any) -> Case:
        core, query = self._core, select(table).where(*_at(tenant, case_id)).with_for_update()
        async with core.database.write() as connection:
            row = (await connection.execute(query)).first()
            if row is None:
                raise _missing()
            before = self._case(row)
            if not before.is_open:
                raise BadRequest("This case is closed")
            detail = edit(before)
            check_texts([detail.extension_reason, detail.closing_reason, detail.erasure_id, detail.export_id])
            due = due_of(detail.received, is_extended=detail.extended_at is not None)
            is_open = detail.outcome is None
            changed = {"is_open": is_open, "due_day": number_of(due), "detail": self._sealed(tenant, detail), **values}
            await connection.execute(update(table).where(*_at(tenant, case_id)).values(**changed))
        return Case(tenant=tenant, case_id=case_id, is_open=is_open, due=due, detail=detail)

    def _sealed(self, tenant: str, detail: Detail) -> bytes:
        return seal_for_cloud(self._core, tenant, KIND, msgspec.msgpack.encode(detail))

    def _case(self, row: Row[Any]) -> Case:
        body = open_for_cloud(self._core, row.tenant, KIND, row.detail)
        detail = msgspec.msgpack.decode(body, type=Detail)
        due = day_numbered(row.due_day)
        return Case(tenant=row.tenant, case_id=row.id, is_open=row.is_open, due=due, detail=detail)


async def drop_old(core: Core) -> None:
    """Closed ones that have been kept long enough."""
    is_old = table.c.kept_until < core.now()
    async with core.database.read() as connection:
        if await connection.scalar(select(table.c.id).where(is_old).limit(1)) is None:
            return
    async with core.database.write() as connection:
        await connection.execute(delete(table).where(is_old))


def _at(tenant: str, case_id: str) -> tuple[Any, Any]:
    return table.c.tenant == tenant, table.c.id == case_id


def _missing() -> AssetNotFound:
    return AssetNotFound("Resource not found - case")


def _place(cursor: str) -> tuple[int, str]:
    day, dash, case_id = cursor.partition("-")
    if not dash or not (day.isascii() and day.isdecimal()) or len(cursor) > 64:
        raise BadRequest("Invalid value for parameter next_cursor")
    return int(day), case_id

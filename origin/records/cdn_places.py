"""What a statement says of CDNs: how far each account has come with the entries of an erasure, and what was confirmed when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.catalogue.cdn_tables import cdn_purge as table
from origin.cdn_steps import CLOSED, Stage

BEFORE_MAX = 500
LAPSES_AT = table.c.fenced_at + table.c.in_flight + table.c.lifetime
"""When no copy of before the fence can be in use any more."""
_IS_LAPSED = table.c.stage == Stage.LAPSED


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnPlace:
    """One account. Times are 0 until they are there for every one of its purges."""

    account: str
    purges: int
    confirmed: int
    """Of these, by the CDN, twice."""
    lapsed: int
    """Of these, by the age of all copies."""
    said: str
    """The CDN's name for a purge, or what went wrong last with one that is not over, or was over without its word."""
    fenced_at: float
    first_at: float
    """When the CDN had carried out the first purges."""
    ended_at: float
    """When it had carried out the second ones, or the last copy was too old."""
    seconds_left_max: float
    """Until it is over at the latest, once the entries are fenced."""
    lapses_at: float = 0.0
    """When no copy of before the fence can be in use any more."""

    @property
    def is_over(self) -> bool:
        return self.confirmed + self.lapsed == self.purges


async def open_before(connection: AsyncConnection, tenant: str, seq: int, *, now: float) -> list[int]:
    """The first BEFORE_MAX entries up to this one with purges that are not over, whoever wrote them."""
    is_over = and_(table.c.stage.in_(CLOSED), table.c.due_at <= now)
    found = select(table.c.seq).where(table.c.tenant == tenant, table.c.seq <= seq, ~is_over).distinct()
    return list(await connection.scalars(found.order_by(table.c.seq).limit(BEFORE_MAX)))


async def cdn_places(connection: AsyncConnection, tenant: str, seqs: Sequence[int], *, now: float) -> list[CdnPlace]:
    """Each account once, by name."""
    is_over = and_(table.c.stage.in_(CLOSED), table.c.due_at <= now)
    is_trouble = or_(~is_over, _IS_LAPSED)
    ends_at = case(
        (table.c.stage.in_(CLOSED), table.c.due_at),
        (table.c.stage == Stage.FENCE, now + table.c.in_flight + table.c.lifetime),
        else_=LAPSES_AT,
    )
    asked = (
        select(
            table.c.account,
            func.count().label("purges"),
            func.count(case((and_(is_over, ~_IS_LAPSED), 1))).label("confirmed"),
            func.count(case((and_(is_over, _IS_LAPSED), 1))).label("lapsed"),
            func.max(case((is_trouble, table.c.said))).label("trouble"),
            func.max(table.c.said).label("said"),
            func.min(table.c.fenced_at).label("is_fenced"),
            func.max(table.c.fenced_at).label("fenced_at"),
            func.min(table.c.first_at).label("is_purged"),
            func.max(table.c.first_at).label("first_at"),
            func.max(ends_at).label("ends_at"),
            func.max(LAPSES_AT).label("lapses_at"),
        )
        .where(table.c.tenant == tenant, table.c.seq.in_(seqs))
        .group_by(table.c.account)
        .order_by(table.c.account)
    )
    places = []
    for row in await connection.execute(asked):
        all_over = row.confirmed + row.lapsed == row.purges
        places.append(
            CdnPlace(
                account=row.account,
                purges=row.purges,
                confirmed=row.confirmed,
                lapsed=row.lapsed,
                said=row.said if row.trouble is None else row.trouble,
                fenced_at=row.fenced_at if row.is_fenced else 0.0,
                first_at=row.first_at if row.is_purged else 0.0,
                ended_at=row.ends_at if all_over else 0.0,
                seconds_left_max=0.0 if all_over else max(0.0, row.ends_at - now),
                lapses_at=row.lapses_at,
            )
        )
    return places

"""Purges at CDNs that are still to be made: a row for each account and batch of tags, written with the journal entry itself.

So none is forgotten by whoever writes an entry, and none is lost in a crash. A row holds opaque tags; nobody's name.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.cdn_calls import batches
from domicile.media.journal import Entry, Kind
from domicile.media.outward_tags import TAGGED_SECONDS_MAX, months_held, tag, tag_key
from domicile.media.policy import Lifetimes
from origin.catalogue.tables import cdn_purge as table
from origin.cdn_accounts import Account
from origin.cdn_steps import Stage, Standing, Times, seconds_left_max
from origin.journal import Change
from origin.records.core import Core

DONE_KEPT_SECONDS = 86_400.0
"""A purge that is over is kept for the statement of its erasure, which may be asked for until then."""
IN_FLIGHT_SECONDS = 30.0
"""D: how long an answer that an edge has handed over may be on its way (`edge.delivery.progress_seconds_max`)."""
ROWS_PER_CLEANING_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnPurge:
    """One purge at one CDN."""

    id: str
    tenant: str
    seq: int
    account: str
    tags: tuple[str, ...]
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnPlace:
    """What a statement says of one account."""

    account: str
    is_over: bool
    said: str
    seconds_left_max: float


class CdnPurges:
    """Of one origin; without accounts it costs nothing."""

    def __init__(self, core: Core, accounts: Sequence[Account]) -> None:
        self._core = core
        self.accounts = {account.name: account for account in accounts}

    # --- with a change ------------------------------------------------------------------------------------------------

    async def written(self, change: Change, entry: Entry) -> None:
        """An entry of the journal is about to be committed: so are the purges that it means."""
        rows = [
            {"id": secrets.token_hex(16), "tenant": entry.tenant, "seq": entry.seq, "account": account.name}
            | {"tags": msgspec.msgpack.encode(batch), **_columns(Standing(due_at=self._core.now()))}
            for account in self.accounts.values()
            if account.serves(entry.tenant)
            for batch in batches(account.cdn.kind, self._tags(entry, account.cdn.kind))
        ]
        if rows:
            await change.connection.execute(insert(table), rows)

    def _tags(self, entry: Entry, cdn: str) -> list[str]:
        """A copy bears the aid of every picture in it, so names add nothing to aids."""
        said: list[tuple[str, str]]
        match entry.kind:
            case Kind.ASSET | Kind.ERASE | Kind.RESTRICT | Kind.NAME:
                said = [("aid", str(aid)) for aid in entry.aids] or [("mark", str(name)) for name in entry.names]
            case Kind.CONFIG:
                return []  # copies of before go by their age, as in browsers
            case _:
                said = [("cloud", "")]
        name_key, shared = self._core.tenants.standing(entry.tenant).tenant.name_key, self._shared_seconds(entry.tenant)
        months = months_held(self._core.now(), seconds_max=shared) if said else ()
        keys = [tag_key(name_key, cdn=cdn, month=month) for month in months]
        return [tag(key, kind, text) for key in keys for kind, text in said]

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def times(self, purge: CdnPurge) -> Times:
        account = self.accounts.get(purge.account)
        answer, layers = (account.answer_seconds_max, account.layers) if account else (0.0, 1)
        lifetime = min(self._shared_seconds(purge.tenant), TAGGED_SECONDS_MAX) * layers
        return Times(in_flight=IN_FLIGHT_SECONDS + answer, lifetime=float(lifetime))

    def _shared_seconds(self, tenant: str) -> int:
        standing = self._core.tenants.get(tenant) and self._core.tenants.standing(tenant)
        policy = standing.policy if standing else None
        return (policy.lifetimes if policy else Lifetimes()).shared_seconds_max

    async def due(self, account: str, *, limit: int) -> list[CdnPurge]:
        """Of one account, the oldest first."""
        now = self._core.now()
        asked = (
            select(table)
            .where(table.c.account == account, table.c.stage != Stage.DONE, table.c.due_at <= now)
            .order_by(table.c.due_at)
            .limit(limit)
        )
        async with self._core.database.read() as connection:
            return [_purge(row) for row in await connection.execute(asked)]

    async def save(self, purges: Sequence[CdnPurge]) -> None:
        async with self._core.database.write() as connection:
            for purge in purges:
                await connection.execute(update(table).where(table.c.id == purge.id).values(_columns(purge.standing)))

    async def clean(self) -> None:
        """Forget what has been over for long, and what is for an account that is no more."""
        old = self._core.now() - DONE_KEPT_SECONDS
        async with self._core.database.write() as connection:
            gone = (
                select(table.c.id).where(table.c.stage == Stage.DONE, table.c.due_at < old).limit(ROWS_PER_CLEANING_MAX)
            )
            await connection.execute(delete(table).where(table.c.id.in_(gone)))
            await connection.execute(delete(table).where(table.c.account.not_in(list(self.accounts))))

    async def places(self, connection: AsyncConnection, tenant: str, seqs: Sequence[int]) -> list[CdnPlace]:
        """How far the accounts have come with entries of one tenant, each account once."""
        if not self.accounts:
            return []
        now, found = self._core.now(), dict[str, list[CdnPurge]]()
        asked = select(table).where(table.c.tenant == tenant, table.c.seq.in_(seqs))
        for row in await connection.execute(asked):
            found.setdefault(row.account, []).append(_purge(row))
        return [self._place(account, purges, now) for account, purges in sorted(found.items())]

    def _place(self, account: str, purges: list[CdnPurge], now: float) -> CdnPlace:
        left = [one for one in purges if one.standing.stage is not Stage.DONE or one.standing.due_at > now]
        said = (left or purges)[0].standing
        return CdnPlace(
            account=account,
            is_over=not left,
            said=said.said or str(said.stage),
            seconds_left_max=max(
                (seconds_left_max(one.standing, self.times(one), now=now) for one in left), default=0.0
            ),
        )


def _purge(row: Row[Any]) -> CdnPurge:
    standing = Standing(
        stage=Stage(row.stage),
        due_at=row.due_at,
        fenced_at=row.fenced_at,
        attempts=row.attempts,
        token=row.token,
        said=row.said,
    )
    tags = msgspec.msgpack.decode(row.tags, type=tuple[str, ...])
    return CdnPurge(id=row.id, tenant=row.tenant, seq=row.seq, account=row.account, tags=tags, standing=standing)


def _columns(standing: Standing) -> dict[str, Any]:
    return {
        "stage": str(standing.stage),
        "due_at": standing.due_at,
        "fenced_at": standing.fenced_at,
        "attempts": standing.attempts,
        "token": standing.token,
        "said": standing.said,
    }

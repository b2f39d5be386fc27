"""Purges at CDNs that are still to be made: a row for each account and batch of tags, written with the journal entry itself.

So none is forgotten by whoever writes an entry, and none is lost in a crash. A row holds opaque tags; nobody's name. It holds its
own times, too, so that it ends when it has to, whatever becomes of the account and the policy.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.cdn_calls import batches
from domicile.media.journal import Entry, Kind
from domicile.media.outward_tags import month_of, months_held, tag, tag_key
from origin import cdn_lifetimes
from origin.catalogue.cdn_tables import cdn_purge as table
from origin.catalogue.tables import erasure
from origin.cdn_accounts import Account
from origin.cdn_lifetimes import Held
from origin.cdn_steps import CLOSED, Stage, Standing, Times
from origin.journal import Change
from origin.journal_reading import read_entries
from origin.records import shared_lifetimes
from origin.records.cdn_places import LAPSES_AT
from origin.records.core import Core

DONE_KEPT_SECONDS = 86_400.0
"""A purge that is over is kept this long, and then until the erasures of its cloud are over, for their statements."""
KEPT_SECONDS_MAX = 30 * 86_400.0
"""Whatever is open by then."""
CALLS_PER_ENTRY_MAX = 64
"""Of one entry at one CDN; what would need more purges all of the cloud there."""
AHEAD_SECONDS = 3600.0
"""Until the fence an edge may still tag by the month that begins then, or that its clock says."""
CLEANED_MAX = 10_000
"""Rows of one transaction."""
SEQS_MAX = 256
"""Entries of one cloud whose fence is looked at in a round."""
URGENT, USUAL = 0, 1
"""What is forgotten or hidden is called for first, however many uploads were before it."""
_OPEN = and_(*(table.c.stage != stage for stage in CLOSED))
_CALLED_FOR = table.c.stage.in_((Stage.FIRST, Stage.SECOND))


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnPurge:
    """One purge at one CDN."""

    id: str
    tenant: str
    seq: int
    account: str
    tags: tuple[str, ...]
    times: Times
    standing: Standing


class CdnPurges:
    """Of one origin."""

    def __init__(self, core: Core, accounts: Sequence[Account]) -> None:
        self._core = core
        self.accounts = {account.name: account for account in accounts}
        core.probes.hosts = {account.name: account.hosts for account in accounts}
        self.news = asyncio.Event()
        """Set when there is something new to do."""

    # --- with a change ------------------------------------------------------------------------------------------------

    async def written(self, change: Change) -> None:
        """Entries of the journal are about to be committed: so are the purges that they mean."""
        for entry in change.entries:
            if await self._insert(change.connection, entry):
                change.after_commit.append(self.news.set)

    async def catch_up(self) -> None:
        """A start that took a restored catalogue's way back from the mirror has ended it with an entry that voids everything, and
        no account had been read by then.
        """
        if not self.accounts:
            return
        for cloud, head in (await self._core.journal.heads()).items():
            async with self._core.database.write() as connection:
                last = await read_entries(connection, cloud, after=head.seq - 2, limit=2)
                rises = len(last) == 2 and last[0].epoch < last[1].epoch
                mine = exists(select(table.c.id).where(table.c.tenant == cloud, table.c.seq == head.seq))
                if rises and last[-1].kind == Kind.ALL and not await connection.scalar(select(mine)):
                    await self._insert(connection, last[-1])

    async def _insert(self, connection: AsyncConnection, entry: Entry) -> bool:
        accounts = [account for account in self.accounts.values() if account.serves(entry.tenant)]
        if not accounts or not _said(entry) or self._core.tenants.get(entry.tenant) is None:
            return False
        policy = self._core.tenants.standing(entry.tenant).policy
        held = await shared_lifetimes.held(connection, entry.tenant, policy)
        rows = [row for account in accounts for row in self._rows(account, entry, held)]
        await connection.execute(insert(table), rows)
        return True

    def _rows(self, account: Account, entry: Entry, held: Held) -> Iterator[dict[str, Any]]:
        said, now = _said(entry), self._core.now()
        in_flight = self._core.settings.cdn_in_flight_seconds + account.answer_seconds_max
        lifetime = cdn_lifetimes.tagged_seconds_max(held, now=now, in_flight=in_flight, layers=account.layers)
        times = Times(in_flight=in_flight, lifetime=lifetime)
        name_key = self._core.tenants.standing(entry.tenant).tenant.name_key
        months = dict.fromkeys((*months_held(now, seconds_max=int(times.lifetime)), month_of(now + AHEAD_SECONDS)))
        kind = account.cdn.kind
        keys = [tag_key(name_key, cdn=kind, month=month) for month in months]
        calls = list(batches(kind, [tag(key, *one) for key in keys for one in said]))
        if len(calls) > CALLS_PER_ENTRY_MAX:
            calls = list(batches(kind, [tag(key, "cloud", "") for key in keys]))
        for tags in calls:
            yield {
                "id": secrets.token_hex(16),
                "tenant": entry.tenant,
                "seq": entry.seq,
                "account": account.name,
                "tags": msgspec.msgpack.encode(tags),
                "rank": URGENT if entry.kind in {Kind.ERASE, Kind.RESTRICT} else USUAL,
                "in_flight": times.in_flight,
                "lifetime": times.lifetime,
                **_columns(Standing(due_at=now)),
            }

    # --- afterwards ---------------------------------------------------------------------------------------------------

    async def fence(self) -> int:
        """Let go what no edge can serve any more. Returns how many entries still wait.

        Entries of a cloud are fenced in their order, so one look at each, and one statement for all that have come so far.
        """
        core, waiting = self._core, 0
        async with core.database.read() as connection:
            asked = select(table.c.tenant).where(table.c.stage == Stage.FENCE).distinct()
            tenants = (await connection.scalars(asked)).all()
            seqs = {tenant: (await connection.scalars(_fencing(tenant))).all() for tenant in tenants}
        for tenant, numbers in seqs.items():
            fenced = [seq for seq in numbers if not core.leases.state(tenant, seq).waiting]
            waiting += len(numbers) - len(fenced)
            if fenced:
                values = {"stage": str(Stage.FIRST), "fenced_at": core.now(), "due_at": core.now()}
                mine = (table.c.stage == Stage.FENCE, table.c.tenant == tenant, table.c.seq <= max(fenced))
                async with core.database.write() as connection:
                    await connection.execute(update(table).where(*mine).values(values))
        return waiting

    async def due(self, account: str, *, limit: int) -> list[CdnPurge]:
        """Calls to be made for one account: urgent ones first, of those the longest due."""
        mine = (table.c.account == account, _CALLED_FOR, table.c.due_at <= self._core.now())
        return await self._read(*mine, limit=limit)

    async def lapsing(self, *, limit: int) -> list[CdnPurge]:
        """Of any account, also of one that is no more: no copy can be in use."""
        return await self._read(_CALLED_FOR, self._core.now() >= LAPSES_AT, limit=limit)

    async def _read(self, *where: ColumnElement[bool], limit: int) -> list[CdnPurge]:
        asked = select(table).where(*where).order_by(table.c.rank, table.c.due_at).limit(limit)
        async with self._core.database.read() as connection:
            return [_purge(row) for row in await connection.execute(asked)]

    async def save(self, purges: Sequence[CdnPurge]) -> None:
        """Unless it is over by now."""
        if not purges:
            return
        standing: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _columns(Standing())}
        values = [{f"new_{name}": value for name, value in _columns(one.standing).items()} for one in purges]
        rows = [{"this": one.id, **new} for one, new in zip(purges, values, strict=True)]
        async with self._core.database.write() as connection:
            await connection.execute(update(table).where(table.c.id == bindparam("this"), _OPEN).values(standing), rows)

    async def again(self, tenant: str, seqs: Sequence[int], account: str) -> None:
        """The CDN has confirmed these, and gives bytes away all the same: purge once more, as long as that can help."""
        now = self._core.now()
        mine = (
            table.c.tenant == tenant,
            table.c.seq.in_(seqs),
            table.c.account == account,
            table.c.stage == Stage.DONE,
        )
        values = {"stage": str(Stage.SECOND), "due_at": now, "attempts": 0, "token": ""}
        async with self._core.database.write() as connection:
            await connection.execute(update(table).where(*mine, now < LAPSES_AT).values(values))

    async def clean(self) -> int:
        """Forget what has been over for long. Returns how many rows are gone; CLEANED_MAX: there may be more."""
        now = self._core.now()
        is_asked_for = exists().where(erasure.c.tenant == table.c.tenant, erasure.c.statement.is_(None))
        is_old = or_(
            and_(table.c.due_at < now - DONE_KEPT_SECONDS, ~is_asked_for), table.c.due_at < now - KEPT_SECONDS_MAX
        )
        gone = select(table.c.id).where(table.c.stage.in_(CLOSED), is_old).limit(CLEANED_MAX)
        async with self._core.database.write() as connection:
            return (await connection.execute(delete(table).where(table.c.id.in_(gone)))).rowcount


def _said(entry: Entry) -> list[tuple[str, str]]:
    """What copies bear that the entry voids."""
    match entry.kind:
        case Kind.ASSET | Kind.ERASE | Kind.RESTRICT | Kind.NAME:
            return [("aid", str(aid)) for aid in entry.aids] + [("mark", str(name)) for name in entry.names]
        case Kind.CONFIG | Kind.HOLD | Kind.RELEASE:
            return []  # copies of before go by their age, as in browsers; a hold concerns none
        case _:
            return [("cloud", "")]


def _fencing(tenant: str) -> Any:
    mine = (table.c.stage == Stage.FENCE, table.c.tenant == tenant)
    return select(table.c.seq).where(*mine).distinct().order_by(table.c.seq).limit(SEQS_MAX)


def _purge(row: Row[Any]) -> CdnPurge:
    return CdnPurge(
        id=row.id,
        tenant=row.tenant,
        seq=row.seq,
        account=row.account,
        tags=msgspec.msgpack.decode(row.tags, type=tuple[str, ...]),
        times=Times(in_flight=row.in_flight, lifetime=row.lifetime),
        standing=Standing(
            stage=Stage(row.stage),
            due_at=row.due_at,
            fenced_at=row.fenced_at,
            first_at=row.first_at,
            attempts=row.attempts,
            token=row.token,
            said=row.said,
        ),
    )


def _columns(standing: Standing) -> dict[str, Any]:
    return {
        "stage": str(standing.stage),
        "due_at": standing.due_at,
        "fenced_at": standing.fenced_at,
        "first_at": standing.first_at,
        "attempts": standing.attempts,
        "token": standing.token,
        "said": standing.said,
    }

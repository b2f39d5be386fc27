"""Who was told of a version, or was given it, as far as this origin knows (Art. 19 GDPR): a row for each, once.

Noted before the word or the bytes leave, or right after a hand-over, so that nobody is missing who may have them; whoever looks
at pictures through an edge is not known here. A row tells a keyed hash and a kind; who it is lies sealed under the version's key
and goes with the version, of which an erasure counts them by kind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, open_sealed, seal
from origin.catalogue import tables as t
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.subject_tables import recipient as table
from origin.records.core import Core

RECIPIENTS_MAX = 1000
"""Of one version; further ones are not noted one by one."""
WHO_CHARS_MAX = 255


class RecipientKind(StrEnum):
    WEBHOOK = "webhook"
    """A host that was told by a notice, or may have been."""
    EXPORT = "export"
    """Whoever had the link of an export: its id."""


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    who: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    kind: RecipientKind
    who: str = field(repr=False)
    since: float
    """When it was first noted."""


class Recipients:
    """Of all versions."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def note(self, tenant: str, aids: Iterable[Aid], kind: RecipientKind, who: str) -> None:
        """Versions that are no more are left out: their rows would outlive them."""
        who = who[:WHO_CHARS_MAX]
        for batch in batches(dict.fromkeys(aids)):
            if missing := await self._not_noted(tenant, batch, kind, who):
                await self._core.shield.run(self._note(tenant, missing, kind, who))

    async def of(self, tenant: str, aid: Aid) -> Sequence[Recipient]:
        """By time."""
        core = self._core
        query = select(table).where(table.c.aid == aid, table.c.tenant == tenant).limit(RECIPIENTS_MAX)
        async with core.database.read() as connection:
            rows = (await connection.execute(query)).all()
        data_key, found = core.keyring.of(aid), list[Recipient]()
        for row in rows if data_key is not None else ():
            assert data_key is not None
            key, context = _seal_of(core, tenant, aid, data_key)
            try:
                _, body = open_sealed(key, context, row.detail)
            except SealBroken:
                continue
            detail = msgspec.msgpack.decode(body, type=_Detail)
            found.append(Recipient(kind=RecipientKind(row.kind), who=detail.who, since=detail.since))
        return sorted(found, key=lambda one: (one.since, one.kind, one.who))

    async def _not_noted(self, tenant: str, aids: Sequence[Aid], kind: RecipientKind, who: str) -> list[Aid]:
        """Most are known already: that costs no transaction that writes."""
        hashed = self._hash(tenant, kind, who)
        query = select(table.c.aid).where(table.c.aid.in_(aids), table.c.hash == hashed)
        async with self._core.database.read() as connection:
            known = set(await connection.scalars(query))
        return [aid for aid in aids if aid not in known]

    async def _note(self, tenant: str, aids: Sequence[Aid], kind: RecipientKind, who: str) -> None:
        core, hashed = self._core, self._hash(tenant, kind, who)
        body = msgspec.msgpack.encode(_Detail(who=who, since=core.now()))
        async with core.database.write() as connection:
            rows = []
            for aid in await _held(connection, tenant, aids):
                data_key = core.keyring.of(aid)
                if data_key is None:
                    continue
                key, context = _seal_of(core, tenant, aid, data_key)
                detail = seal(key, context, header=b"", body=body, salt=os.urandom(SALT_BYTES))
                rows.append({"aid": aid, "hash": hashed, "tenant": tenant, "kind": str(kind), "detail": detail})
            await add_if_absent(connection, table, *rows)

    def _hash(self, tenant: str, kind: RecipientKind, who: str) -> str:
        return self._core.hash_of(tenant, "recipient", f"{kind}\0{who}")


async def count_by_kind(connection: AsyncConnection, aids: Iterable[Aid]) -> Counter[str]:
    """How many recipients of each kind these versions had; a recipient of several counts once for each."""
    found: Counter[str] = Counter()
    for batch in batches(aids):
        query = select(table.c.kind, func.count().label("rows")).where(table.c.aid.in_(batch)).group_by(table.c.kind)
        found.update({row.kind: row.rows for row in await connection.execute(query)})
    return found


async def _held(connection: AsyncConnection, tenant: str, aids: Sequence[Aid]) -> list[Aid]:
    """Those that are there, or under retention, and stay until this transaction ends: an erase waits, and takes the rows."""
    held: list[Aid] = []
    for holder in (t.version, t.backup):
        query = select(holder.c.aid).where(holder.c.tenant == tenant, holder.c.aid.in_(aids))
        held += [Aid(aid) for aid in await connection.scalars(query.with_for_update(read=True))]
    return list(dict.fromkeys(held))


def _seal_of(core: Core, tenant: str, aid: Aid, data_key: bytes) -> tuple[bytes, SealContext]:
    context = SealContext(tenant=tenant, aids=(aid,), variant="recipient", region=core.settings.region)
    return subkey(data_key, "meta"), context

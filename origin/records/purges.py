"""Purge: cached copies go, the asset stays. Nonce, purge_id and journal entry are one transaction (decisions H).

What edges have to remember of purges is bounded per cloud: a purge that would pile up more targets than
`purge_targets_max` since everything was purged last becomes one entry ALL, which stands for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest
from domicile.media.journal import ENTRY_TARGETS_MAX, Head, Kind
from domicile.media.outward_tags import months_held, tag, tag_key
from domicile.media.policy import Lifetimes
from origin.catalogue import tables as t
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records import targets as selection
from origin.records.core import Core
from origin.records.nonces import Once, spend
from origin.records.purge_types import PurgeOutcome, PurgeTargets

TARGETS_PER_ASSET = 2
"""Its aid and its name."""
PURGE_ASSETS_MAX = ENTRY_TARGETS_MAX // TARGETS_PER_ASSET
"""Assets in one entry; a purge that matches more purges the whole tenant."""
NONCE_GRACE_SECONDS = 60.0
"""A nonce is kept this much longer than its signature is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One purge call, as its caller was authenticated. An empty nonce: there was no signature to replay."""

    purge_id: str
    digest: str
    keyid: str = ""
    nonce: str = field(default="", repr=False)
    nonce_expires_at: float = 0.0


def _once(call: Call, *, now: float) -> Once:
    kept_seconds = max(call.nonce_expires_at - now, 0.0) + NONCE_GRACE_SECONDS
    return Once(identity=f"{call.keyid}\0{call.nonce}", kept_seconds=kept_seconds)


class _Answer(msgspec.Struct, frozen=True):
    """What is remembered of the first answer."""

    head: Head
    assets: int
    everything: bool
    aids: tuple[Aid, ...] = ()


class Purges:
    """One door for every purge."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def purge(self, tenant: str, targets: PurgeTargets, call: Call) -> PurgeOutcome:
        selection.check_targets(self._core, tenant, targets)
        return await self._core.shield.run(self._purge(tenant, targets, call))

    async def _purge(self, tenant: str, targets: PurgeTargets, call: Call) -> PurgeOutcome:
        core = self._core
        purge_hash = core.hash_of(tenant, "purge", call.purge_id)
        async with core.journal.change(tenant) as change:
            if call.nonce:
                await spend(change.connection, _once(call, now=core.now()), now=core.now())
            first = await _remembered(change.connection, tenant, purge_hash, call)
            answer = first or await self._append(change, targets)
            if first is None:
                values = {"tenant": tenant, "hash": purge_hash, "digest": call.digest, "seq": change.seq}
                packed = msgspec.msgpack.encode(answer)
                await change.connection.execute(insert(t.purge_call).values(answer=packed, **values))
            else:
                change.record(Kind.NAME)  # the nonce must stay used; nothing else happens a second time
        state = await core.fenced(tenant, answer.head.seq)
        return PurgeOutcome(
            purge_id=call.purge_id,
            head=answer.head,
            assets=answer.assets,
            everything=answer.everything,
            repeated=first is not None,
            fenced=state,
            cdn_tags={cdn: self._tags(tenant, cdn, answer) for cdn in core.settings.cdns},
        )

    def _tags(self, tenant: str, cdn: str, answer: _Answer) -> tuple[str, ...]:
        """By which this CDN's copies go. A copy bears the aid of every picture in it, so names add nothing."""
        standing, now = self._core.tenants.standing(tenant), self._core.now()
        policy = standing.policy
        lifetimes = Lifetimes() if policy is None else policy.lifetimes
        keys = [
            tag_key(standing.tenant.name_key, cdn=cdn, month=month)
            for month in months_held(now, seconds_max=lifetimes.shared_seconds_max)
        ]
        if answer.everything:
            return tuple(tag(key, "cloud", "") for key in keys)
        return tuple(tag(key, "aid", aid) for key in keys for aid in answer.aids)

    async def _append(self, change: Change, targets: PurgeTargets) -> _Answer:
        rows = []
        if not targets.everything:
            rows = await selection.select(
                self._core,
                change.connection,
                change.tenant,
                targets,
                limit=PURGE_ASSETS_MAX + 1,
            )
        if targets.everything or len(rows) > PURGE_ASSETS_MAX:
            change.record(Kind.ALL)
        else:
            purge_entry(self._core, change, rows)
        if change.entry is not None and change.entry.kind == Kind.ALL:
            return _Answer(change.head, 0, everything=True)
        return _Answer(change.head, len(rows), everything=False, aids=tuple(row.aid for row in rows))


def purge_entry(core: Core, change: Change, rows: Sequence[AssetRow]) -> None:
    """The one entry of a purge of at most PURGE_ASSETS_MAX assets: ALL, where edges would have to remember too much."""
    if change.purged + TARGETS_PER_ASSET * len(rows) > core.settings.purge_targets_max:
        change.record(Kind.ALL)
    else:
        change.record(Kind.ASSET, aids=tuple(row.aid for row in rows), names=tuple(row.name for row in rows))


async def _remembered(connection: AsyncConnection, tenant: str, purge_hash: str, call: Call) -> _Answer | None:
    table = t.purge_call
    query = select(table.c.digest, table.c.answer).where(table.c.tenant == tenant, table.c.hash == purge_hash)
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    if row.digest != call.digest:
        raise BadRequest("this purge_id was used for something else")
    return msgspec.msgpack.decode(row.answer, type=_Answer)

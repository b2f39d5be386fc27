"""Signed calls act once: what has acted is remembered in the transaction of the change itself (decisions H).

A call that failed for another reason (a full queue, a lost database) rolls its mark back with everything else, so it may
be sent again; a call that was answered, even with "not found", stays used, across restarts.

SDK signatures have a second's resolution, so two honest calls can carry the same one: within `grace_seconds` of its
first sight, by our clock, a repetition acts again. An upload's signature is honestly used for several files and for
retries, so uploads have a softer rule: it may make new names, and replace what it made itself, and never bring back
what was deleted or replaced since. Nothing but hashes is stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import Replayed
from origin.catalogue.tables import nonce as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What may act once."""

    identity: str = field(repr=False)
    kept_seconds: float
    """From its first sight; at least as long as its signature is good."""
    grace_seconds: float = 0.0

    def about(self, *subject: str) -> Once:
        """The same call, as far as it is about one of several things."""
        return replace(self, identity="\0".join((self.identity, *subject)))

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.identity.encode("utf-8", "surrogatepass")).hexdigest()


async def spend(connection: AsyncConnection, once: Once, *, now: float) -> None:
    """Raise Replayed if it has acted, as whatever kind of call; otherwise it acts now. The caller holds the head lock."""
    await connection.execute(delete(table).where(table.c.expires_at < now))
    for used in (once, once.about("upload")):
        if await _is_late(connection, used, now):
            raise Replayed("This signed request was used before")
    await _note(connection, once, now)


async def spend_first(connection: AsyncConnection, once: Once, *, of: Once, now: float) -> None:
    """One thing that a call does besides, before its own mark is set: raise Replayed when either is there, however new. The caller
    holds the head lock.
    """
    for used in (of, once):
        if await _kept_until(connection, used) is not None:
            raise Replayed("This signed request was used before")
    await _note(connection, once, now)


async def spend_upload(
    connection: AsyncConnection, once: Once, *, name: NameHash, current: Aid | None, made: Aid, now: float
) -> None:
    """Raise Replayed for a repetition that would bring something back: what it made under this name is there no more.

    `current`: the version that has the name now; `made`: the one that this upload is going to make.
    """
    await connection.execute(delete(table).where(table.c.expires_at < now))
    here = once.about("upload", name)
    is_own = current is not None and await _kept_until(connection, once.about("upload", current)) is not None
    if await _is_late(connection, once, now) or (await _is_late(connection, here, now) and not is_own):
        raise Replayed("This signed request was used before")
    for used in (once.about("upload"), here, once.about("upload", made)):
        await _note(connection, used, now)


async def _is_late(connection: AsyncConnection, once: Once, now: float) -> bool:
    """It has acted, and longer ago than an honest repetition takes."""
    kept_until = await _kept_until(connection, once)
    if kept_until is None:
        return False
    return once.grace_seconds <= 0 or now - (kept_until - once.kept_seconds) > once.grace_seconds


async def _kept_until(connection: AsyncConnection, once: Once) -> float | None:
    kept_until: float | None = await connection.scalar(select(table.c.expires_at).where(table.c.hash == once.hash))
    return kept_until


async def _note(connection: AsyncConnection, once: Once, now: float) -> None:
    if await _kept_until(connection, once) is None:
        await connection.execute(insert(table).values(hash=once.hash, expires_at=now + once.kept_seconds))

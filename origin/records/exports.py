"""Exports for persons that wait to be fetched: links that work once, for a while, and what became of them.

    create   what is to go into it, sealed under the token of its link alone: the catalogue and the keyring together cannot
             tell any more for whom it is
    claim    the one use of the link: its plan is gone from here on, and the audit log says so before a byte has left
    finish   how it went

A plan is a list of versions. Each is looked up again when its turn comes, so that nothing is handed out that was erased.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, Overloaded
from domicile.media.journal import Head
from domicile.media.keys import subkey
from domicile.media.receipt import LEAF_TYPE
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, open_sealed, seal
from domicile.media.statement import canonical
from domicile.media.subject_export import sign_manifest
from origin.catalogue.subject_tables import subject_export as table
from origin.records.core import Core
from origin.records.statement_key import seed_of

TOKEN_BYTES = 32
EXPORT_ID_BYTES = 16
SALT_HEX_BYTES = 16
WAITING_MAX = 1000
"""Links of one cloud that were not used yet and are not too old."""
STATE_KEPT_SECONDS = 30 * 86_400.0
"""How long it can be asked what became of an export."""
LEAF_KIND = "subject_export"
BEGUN = "begun"


class ExportState(StrEnum):
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    CUT_OFF = "cut_off"
    EXPIRED = "expired"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is to hold."""

    subject_id: str
    aids: tuple[Aid, ...]
    includes_shared: bool
    """Also the files that are about other persons, too."""
    head: Head
    """Of the journal, when the versions were found."""
    after: str
    """Where this part began; empty: at the beginning."""
    next_cursor: str
    """Where another part goes on; empty: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The token is shown once, and kept nowhere."""

    export_id: str
    token: str = field(repr=False)
    expires_at: float


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far an export has come."""

    versions: int
    """That were found; `files` and `gone` tell how many of them had their turn."""
    files: int = 0
    left_out: int = 0
    gone: int = 0
    body_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The one use of a link."""

    tenant: str
    export_id: str
    plan: Plan = field(repr=False)
    salt: str = field(repr=False)
    """Random; the manifest tells it."""
    leaf: int
    """Of the audit log: that it was begun."""
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTold:
    """What may be asked about one."""

    export_id: str
    state: ExportState
    progress: Progress
    created_at: float
    expires_at: float
    leaf: int | None


class Exports:
    """Of one origin process; what runs is known to it alone."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._running: dict[tuple[str, str], Progress] = {}

    def sign(self, manifest: bytes) -> dict[str, str]:
        return sign_manifest(manifest, seed_of(self._core))

    async def create(self, tenant: str, plan: Plan, *, body_bytes: int, seconds: float) -> Link:
        """Raises Overloaded: too many wait already."""
        core = self._core
        token, export_id = secrets.token_bytes(TOKEN_BYTES), secrets.token_hex(EXPORT_ID_BYTES)
        now = core.now()
        key, context = _seal_of(core, tenant, export_id, token)
        sealed = seal(key, context, header=b"", body=msgspec.msgpack.encode(plan), salt=os.urandom(SALT_BYTES))
        waiting = select(func.count()).where(table.c.tenant == tenant, table.c.plan.is_not(None))
        async with core.database.write() as connection:
            await _expire(connection, now=now)
            if (await connection.scalar(waiting) or 0) >= WAITING_MAX:
                raise Overloaded(f"Too many exports wait to be fetched: at most {WAITING_MAX}")
            await connection.execute(
                insert(table).values(
                    tenant=tenant,
                    id=export_id,
                    plan=sealed,
                    state=str(ExportState.READY),
                    versions=len(plan.aids),
                    files=0,
                    gone=0,
                    body_bytes=body_bytes,
                    created_at=now,
                    expires_at=now + seconds,
                    kept_until=now + seconds + STATE_KEPT_SECONDS,
                )
            )
        return Link(export_id=export_id, token=token.hex(), expires_at=now + seconds)

    async def check(self, tenant: str, export_id: str, token: str) -> None:
        """Would `claim` give it out? Raises AssetNotFound."""
        async with self._core.database.read() as connection:
            await self._plan(connection, tenant, export_id, token, lock=False)

    async def claim(self, tenant: str, export_id: str, token: str) -> Claimed:
        """AssetNotFound: there is no such link, its token is another one, it was used, or is too old; all look the same."""
        return await self._core.shield.run(self._claim(tenant, export_id, token))

    async def _claim(self, tenant: str, export_id: str, token: str) -> Claimed:
        core, salt = self._core, secrets.token_hex(SALT_HEX_BYTES)
        async with core.database.write() as connection:
            plan = await self._plan(connection, tenant, export_id, token, lock=True)
            taken = update(table).where(*_at(tenant, export_id), table.c.plan.is_not(None))
            used = await connection.execute(taken.values(plan=None, state=str(ExportState.RUNNING)))
            if used.rowcount != 1:
                raise _missing()
            promise = hashlib.sha256(canonical({"export_id": export_id, "salt": salt})).hexdigest()
            leaf = await core.audit.append(connection, self._leaf(plan.head, BEGUN, promise))
            await connection.execute(update(table).where(*_at(tenant, export_id)).values(leaf=leaf))
        await core.audit.publish()
        progress = Progress(versions=len(plan.aids))
        return Claimed(tenant=tenant, export_id=export_id, plan=plan, salt=salt, leaf=leaf, progress=progress)

    @contextmanager
    def running(self, claimed: Claimed) -> Iterator[None]:
        """While it is handed out, its progress can be asked for."""
        at = claimed.tenant, claimed.export_id
        self._running[at] = claimed.progress
        try:
            yield
        finally:
            del self._running[at]

    async def finish(self, claimed: Claimed, manifest_sha256: str | None) -> None:
        """How it ended; None: it was cut off, and there is no manifest."""
        await self._core.shield.run(self._finish(claimed, manifest_sha256))

    async def _finish(self, claimed: Claimed, manifest_sha256: str | None) -> None:
        core, done = self._core, claimed.progress
        state = ExportState.CUT_OFF if manifest_sha256 is None else ExportState.DONE
        promise = hashlib.sha256(canonical({"export_id": claimed.export_id, "salt": claimed.salt})).hexdigest()
        async with core.database.write() as connection:
            counts = {"files": done.files, "gone": done.gone, "body_bytes": done.body_bytes}
            mine = update(table).where(*_at(claimed.tenant, claimed.export_id))
            await connection.execute(mine.values(state=str(state), **counts))
            await core.audit.append(connection, self._leaf(claimed.plan.head, state, manifest_sha256 or promise))
        await core.audit.publish()

    async def note_answer(self, head: Head, outcome: str, manifest_sha256: str) -> None:
        """An answer that needs no link, into the audit log: that nothing is held."""
        core = self._core

        async def noted() -> None:
            async with core.database.write() as connection:
                await core.audit.append(connection, self._leaf(head, outcome, manifest_sha256))
            await core.audit.publish()

        await core.shield.run(noted())

    async def told(self, tenant: str, export_id: str) -> ExportTold:
        """Raises AssetNotFound."""
        async with self._core.database.read() as connection:
            row = (await connection.execute(select(table).where(*_at(tenant, export_id)))).first()
        if row is None:
            raise AssetNotFound("no such export")
        running = self._running.get((tenant, export_id))
        return _told(row, running, now=self._core.now())

    async def _plan(self, connection: AsyncConnection, tenant: str, export_id: str, token: str, *, lock: bool) -> Plan:
        query = select(table.c.plan).where(*_at(tenant, export_id), table.c.expires_at > self._core.now())
        sealed = await connection.scalar(query.with_for_update() if lock else query)
        if sealed is None:
            raise _missing()
        try:
            key, context = _seal_of(self._core, tenant, export_id, bytes.fromhex(token))
            _, body = open_sealed(key, context, sealed)
        except (ValueError, SealBroken) as bad:
            raise _missing() from bad
        return msgspec.msgpack.decode(body, type=Plan)

    def _leaf(self, head: Head, outcome: str, commitment: str) -> bytes:
        """Numbers and a hash of something with a random salt in it: there is nobody's name to be guessed."""
        return canonical(
            {
                "type": LEAF_TYPE,
                "kind": LEAF_KIND,
                "epoch": head.epoch,
                "seq": head.seq,
                "issued_at": int(self._core.now()),
                "outcome": str(outcome),
                "statement": commitment,
            }
        )


async def drop_old(core: Core) -> None:
    """Plans of links that are too old, and rows that nobody may ask about any more."""
    now = core.now()
    is_old = or_(table.c.kept_until < now, and_(table.c.expires_at <= now, table.c.plan.is_not(None)))
    async with core.database.read() as connection:
        if await connection.scalar(select(table.c.id).where(is_old).limit(1)) is None:
            return
    async with core.database.write() as connection:
        await _expire(connection, now=now)
        await connection.execute(delete(table).where(table.c.kept_until < now))


async def _expire(connection: AsyncConnection, *, now: float) -> None:
    old = update(table).where(table.c.expires_at <= now, table.c.plan.is_not(None))
    await connection.execute(old.values(plan=None, state=str(ExportState.EXPIRED)))


def _at(tenant: str, export_id: str) -> tuple[Any, Any]:
    return table.c.tenant == tenant, table.c.id == export_id


def _missing() -> AssetNotFound:
    return AssetNotFound("Resource not found - export: there is no such link, or it was used, or it has expired")


def _seal_of(core: Core, tenant: str, export_id: str, token: bytes) -> tuple[bytes, SealContext]:
    if len(token) != TOKEN_BYTES:
        raise ValueError("no such token")
    variant = f"subject_export/{export_id}"
    context = SealContext(tenant=tenant, aids=(), variant=variant, region=core.settings.region)
    return subkey(token, "subject_export"), context


def _told(row: Row[Any], running: Progress | None, *, now: float) -> ExportTold:
    """A process that ended in the middle left its row behind: what nobody hands out any more was cut off."""
    state = ExportState(row.state)
    if state is ExportState.RUNNING and running is None:
        state = ExportState.CUT_OFF
    if state is ExportState.READY and row.expires_at <= now:
        state = ExportState.EXPIRED
    kept = Progress(versions=row.versions, files=row.files, gone=row.gone, body_bytes=row.body_bytes)
    return ExportTold(
        export_id=row.id,
        state=state,
        progress=running or kept,
        created_at=row.created_at,
        expires_at=row.expires_at,
        leaf=row.leaf,
    )

"""Named transformations of a cloud: kept sealed, in memory for every grant, each change a new config revision.

A change is one transaction with its `config` entry; once an edge has applied that, it puts the new segments in for the
name, and what it cached under the old ones is under another key (decisions I.4).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetExists, AssetNotFound, LimitExceeded, MediaError
from domicile.media.journal import Kind
from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealContext, open_sealed, seal
from domicile.media.strict import SPELLED_OUT
from origin.catalogue.tables import named as table
from origin.records.core import Core
from origin.records.types import Named, NamedCommitted, Tenant
from origin.tenants import Standing, update_config

NAMED_MAX = 200
"""Named transformations of one cloud; all of them are part of each grant."""
CHARS_MAX = 64 * 1024
"""Of all of them together: the grants of all clouds travel in one answer (`media.wire.BODY_BYTES_MAX`)."""

Edit = Callable[[Mapping[str, Named]], dict[str, Named] | MediaError]
"""All of a cloud's, as they are under the lock, to all as they shall be; or why not, and then nothing is written."""


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed; fields may be added with defaults."""

    name: str
    text: str
    allowed_for_strict: bool
    created_at: float


class NamedTransformations:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def all(self, cloud: str) -> Mapping[str, Named]:
        return self._core.tenants.standing(cloud).named

    async def create(self, cloud: str, made: Named) -> NamedCommitted:
        """AssetExists; LimitExceeded."""

        def edit(before: Mapping[str, Named]) -> dict[str, Named] | MediaError:
            if made.name in before:
                return AssetExists(f"Transformation {made.name} already exists")
            if len(before) >= NAMED_MAX:
                return LimitExceeded(f"Too many named transformations - at most {NAMED_MAX} are allowed")
            return _within({**before, made.name: made})

        return await self._core.shield.run(self._change(cloud, edit))

    async def update(
        self, cloud: str, name: str, *, text: str | None, allowed_for_strict: bool | None
    ) -> NamedCommitted:
        """What is None stays. AssetNotFound; LimitExceeded."""

        def edit(before: Mapping[str, Named]) -> dict[str, Named] | MediaError:
            old = before.get(name)
            if old is None:
                return missing(name)
            allowed = old.allowed_for_strict if allowed_for_strict is None else allowed_for_strict
            new = replace(old, text=old.text if text is None else text, allowed_for_strict=allowed)
            return _within({**before, name: new})

        return await self._core.shield.run(self._change(cloud, edit))

    async def allow(self, cloud: str, text: str, *, allowed: bool) -> NamedCommitted:
        """Let a transformation without a name pass as strict, by its canonical text, or no more. LimitExceeded."""
        name = SPELLED_OUT + text

        def edit(before: Mapping[str, Named]) -> dict[str, Named] | MediaError:
            others = {one: named for one, named in before.items() if one != name}
            if not allowed:
                return others
            if len(others) >= NAMED_MAX:
                return LimitExceeded(f"Too many named and allowed transformations - at most {NAMED_MAX} are allowed")
            made = Named(name=name, text=text, allowed_for_strict=True, created_at=self._core.now())
            return _within({**others, name: made})

        return await self._core.shield.run(self._change(cloud, edit))

    async def delete(self, cloud: str, name: str) -> NamedCommitted:
        """AssetNotFound."""

        def edit(before: Mapping[str, Named]) -> dict[str, Named] | MediaError:
            if name not in before:
                return missing(name)
            return {other: named for other, named in before.items() if other != name}

        return await self._core.shield.run(self._change(cloud, edit))

    async def _change(self, cloud: str, edit: Edit) -> NamedCommitted:
        core = self._core
        refused: MediaError | None = None
        async with core.journal.change(cloud) as change:
            before = core.tenants.standing(cloud)  # under the lock: two changes cannot lose each other
            after = edit(before.named)
            if isinstance(after, MediaError):
                refused = after
                change.record(Kind.NAME)  # moves the number and nothing else
            else:
                revision = before.tenant.config_revision + 1
                standing = replace(before, tenant=replace(before.tenant, config_revision=revision), named=after)
                await self._write(change.connection, before, standing)
                change.record(Kind.CONFIG, config_revision=revision)
                change.after_commit.append(lambda: core.tenants.put(standing))
        if refused is not None:
            raise refused
        return NamedCommitted(head=change.head, fenced=await core.fenced(cloud, change.seq))

    async def _write(self, connection: AsyncConnection, before: Standing, after: Standing) -> None:
        core, tenant = self._core, after.tenant
        for name in before.named.keys() | after.named.keys():
            old, new = before.named.get(name), after.named.get(name)
            if old == new:
                continue
            key = core.hash_of(tenant.cloud, "named", name)
            await connection.execute(delete(table).where(table.c.tenant == tenant.cloud, table.c.hash == key))
            if new is not None:
                detail = _sealed(tenant, new, region=core.settings.region)
                await connection.execute(insert(table).values(tenant=tenant.cloud, hash=key, detail=detail))
        await update_config(connection, after)


async def load_named(core: Core, connection: AsyncConnection) -> None:
    """Into the clouds in memory, at start."""
    found: dict[str, dict[str, Named]] = {}
    for row in await connection.execute(select(table).order_by(table.c.tenant, table.c.hash)):
        tenant = core.tenants.get(row.tenant)
        if tenant is not None:
            named = _opened(tenant, row.detail, region=core.settings.region)
            found.setdefault(row.tenant, {})[named.name] = named
    for cloud, named_by_name in found.items():
        core.tenants.put(replace(core.tenants.standing(cloud), named=named_by_name))


def missing(name: str) -> AssetNotFound:
    return AssetNotFound(f"Transformation not found - {name}")


def _within(named: dict[str, Named]) -> dict[str, Named] | MediaError:
    if sum(len(one.name) + len(one.text) for one in named.values()) > CHARS_MAX:
        return LimitExceeded(
            f"Named transformations are too long together - at most {CHARS_MAX} characters are allowed"
        )
    return named


def _context(tenant: Tenant, region: str) -> SealContext:
    return SealContext(tenant=tenant.cloud, aids=(), variant="named", region=region)


def _sealed(tenant: Tenant, named: Named, *, region: str) -> bytes:
    """A transformation can hold personal text, and so can its name."""
    detail = _Detail(
        name=named.name, text=named.text, allowed_for_strict=named.allowed_for_strict, created_at=named.created_at
    )
    key, salt = subkey(tenant.name_key, "named"), os.urandom(SALT_BYTES)
    return seal(key, _context(tenant, region), header=b"", body=msgspec.msgpack.encode(detail), salt=salt)


def _opened(tenant: Tenant, blob: bytes, *, region: str) -> Named:
    _, body = open_sealed(subkey(tenant.name_key, "named"), _context(tenant, region), blob)
    detail = msgspec.msgpack.decode(body, type=_Detail)
    return Named(
        name=detail.name,
        text=detail.text,
        allowed_for_strict=detail.allowed_for_strict,
        created_at=detail.created_at,
    )

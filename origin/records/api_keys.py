"""Keys of the API: made, shown, disabled, revoked. Their secrets are in the keyring, the catalogue knows that they are there.

Each change is one transaction with its `config` entry: an edge that has applied it asks again about every signature that
it believed. Revoking takes the row first and the secret last; a row without its secret (a catalogue of yesterday beside the
keyring of now) is no key.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import structlog
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded, MediaError
from domicile.media.journal import Kind
from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealContext, open_sealed, seal
from origin.catalogue.tables import api_key as table
from origin.keyring import purpose_id
from origin.records.core import Core, check_texts
from origin.records.tenant import Tenant
from origin.records.types import FencedState
from origin.scope import KEYS_MAX, NAME_CHARS_MAX, ApiKey, Operation, Scope, primary_of
from origin.tenants import Standing, update_config

SECRET_CHARS = 27
FIRST = "api_secret"
"""Place of the secret of a cloud's first key; those of the others have random ones."""
PLACE_BYTES = 16
CALLS_MAX = 10**9

log = structlog.get_logger(__name__)

Keys = tuple[ApiKey, ...]
Write = Callable[[AsyncConnection], Awaitable[object]]


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed; fields may be added with defaults."""

    operations: tuple[str, ...] = (Operation.ADMIN,)
    folder: str = ""
    name: str = ""
    calls_max: int = 0


def new_api_key() -> str:
    """15 digits, the first not 0."""
    return str(secrets.randbelow(9 * 10**14) + 10**14)


def place_id(cloud: str, place: str) -> bytes:
    """Where in the keyring."""
    return purpose_id("tenant", cloud, place)


def secret_of(core: Core, cloud: str, place: str) -> str | None:
    """None when it is gone, and the key with it."""
    raw = core.keyring.get(place_id(cloud, place))
    return None if raw is None else base64.urlsafe_b64encode(raw).decode()[:SECRET_CHARS]


async def first_key(core: Core, cloud: str) -> ApiKey:
    """The key that a new cloud begins with; its secret is durable on return, its row is the caller's to write."""
    await core.keyring.get_or_create(place_id(cloud, FIRST))
    secret = secret_of(core, cloud, FIRST)
    assert secret is not None
    return ApiKey(api_key=new_api_key(), secret=secret, created_at=core.now())


async def insert_key(connection: AsyncConnection, cloud: str, key: ApiKey, place: str, detail: bytes | None) -> None:
    await connection.execute(
        insert(table).values(
            api_key=key.api_key,
            tenant=cloud,
            place=place,
            is_enabled=key.is_enabled,
            created_at=key.created_at,
            detail=detail,
        )
    )


async def load_keys(core: Core, connection: AsyncConnection) -> None:
    """Into the clouds in memory, at start."""
    found: dict[str, list[ApiKey]] = {}
    for row in await connection.execute(select(table).order_by(table.c.created_at, table.c.api_key)):
        tenant = core.tenants.get(row.tenant)
        if tenant is None:
            continue
        key = _read(core, tenant, row)
        if key is None:
            log.warning("api_key_without_secret")
        else:
            found.setdefault(row.tenant, []).append(key)
    for cloud, standing in list(core.tenants.all().items()):
        tenant = standing.tenant.with_keys(tuple(found.get(cloud, ())))
        if not tenant.api_key:
            log.warning("cloud_without_api_key")
        core.tenants.put(replace(standing, tenant=tenant))


class ApiKeys:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def all(self, cloud: str) -> Keys:
        """The oldest first. AssetNotFound for an unknown cloud."""
        return self._core.tenants.standing(cloud).tenant.keys

    async def create(
        self, cloud: str, scope: Scope, *, name: str = "", calls_max: int = 0
    ) -> tuple[ApiKey, FencedState]:
        """A new one beside those that are there. LimitExceeded; BadRequest."""
        self._core.tenants.standing(cloud)
        check_texts([name])
        if len(name) > NAME_CHARS_MAX:
            raise BadRequest(f"Invalid value for parameter name: at most {NAME_CHARS_MAX} characters")
        return await self._core.shield.run(self._create(cloud, scope, name, calls_max))

    async def set_enabled(self, cloud: str, api_key: str, *, is_enabled: bool) -> FencedState:
        """AssetNotFound; LimitExceeded when nobody would be left who may do everything."""
        return await self._core.shield.run(self._set_enabled(cloud, api_key, is_enabled=is_enabled))

    async def revoke(self, cloud: str, api_key: str) -> FencedState:
        """For good: its secret is destroyed. AssetNotFound; LimitExceeded, as above."""
        return await self._core.shield.run(self._revoke(cloud, api_key))

    async def _create(self, cloud: str, scope: Scope, name: str, calls_max: int) -> tuple[ApiKey, FencedState]:
        core, place = self._core, secrets.token_hex(PLACE_BYTES)
        await core.keyring.create(place_id(cloud, place))
        made = ApiKey(
            api_key=new_api_key(),
            secret=secret_of(core, cloud, place) or "",
            scope=scope,
            name=name,
            calls_max=calls_max,
            created_at=core.now(),
        )

        def edit(before: Keys) -> Keys | MediaError:
            full = len(before) >= KEYS_MAX
            return LimitExceeded(f"A cloud has at most {KEYS_MAX} keys: revoke one first") if full else (*before, made)

        detail = _sealed(core.tenants.standing(cloud).tenant, made, region=core.settings.region)
        try:
            state = await self._change(
                cloud, edit, lambda connection: insert_key(connection, cloud, made, place, detail)
            )
        except LimitExceeded:
            await core.keyring.puncture([place_id(cloud, place)])
            raise
        return made, state

    async def _set_enabled(self, cloud: str, api_key: str, *, is_enabled: bool) -> FencedState:
        def edit(before: Keys) -> Keys | MediaError:
            if api_key not in {key.api_key for key in before}:
                return _missing()
            return _kept(
                tuple(replace(key, is_enabled=is_enabled) if key.api_key == api_key else key for key in before)
            )

        return await self._change(
            cloud,
            edit,
            lambda connection: connection.execute(
                update(table).where(table.c.tenant == cloud, table.c.api_key == api_key).values(is_enabled=is_enabled)
            ),
        )

    async def _revoke(self, cloud: str, api_key: str) -> FencedState:
        core, mine = self._core, (table.c.tenant == cloud, table.c.api_key == api_key)

        def edit(before: Keys) -> Keys | MediaError:
            after = tuple(key for key in before if key.api_key != api_key)
            return _missing() if len(after) == len(before) else _kept(after)

        core.tenants.standing(cloud)
        async with core.database.read() as connection:
            place = await connection.scalar(select(table.c.place).where(*mine))
        state = await self._change(cloud, edit, lambda connection: connection.execute(delete(table).where(*mine)))
        if place is not None:
            await core.keyring.puncture([place_id(cloud, place)])
        return state

    async def _change(self, cloud: str, edit: Callable[[Keys], Keys | MediaError], write: Write) -> FencedState:
        core = self._core
        refused: MediaError | None = None
        async with core.journal.change(cloud) as change:
            before = core.tenants.standing(cloud)  # under the lock: two changes cannot lose each other
            after = edit(before.tenant.keys)
            if isinstance(after, MediaError):
                refused = after
                change.record(Kind.NAME)  # moves the number and nothing else
            else:
                revision = before.tenant.config_revision + 1
                tenant = replace(before.tenant.with_keys(after), config_revision=revision)
                standing: Standing = replace(before, tenant=tenant)
                await write(change.connection)
                await update_config(change.connection, standing)
                change.record(Kind.CONFIG, config_revision=revision)
                change.after_commit.append(lambda: core.tenants.put(standing))
        if refused is not None:
            raise refused
        return await core.fenced(cloud, change.seq)


def _kept(keys: Keys) -> Keys | MediaError:
    """Somebody who may do everything must be left: nobody else could speak for the cloud."""
    if primary_of(keys) is None:
        return LimitExceeded("This is the last key that may do everything: create another one first")
    return keys


def _missing() -> AssetNotFound:
    return AssetNotFound("There is no such API key")


def _read(core: Core, tenant: Tenant, row: Row[tuple[object, ...]]) -> ApiKey | None:
    secret = secret_of(core, tenant.cloud, row.place)
    if secret is None:
        return None
    detail = _Detail()
    if row.detail is not None:
        _, body = open_sealed(subkey(tenant.name_key, "api_key"), _context(tenant, core.settings.region), row.detail)
        detail = msgspec.msgpack.decode(body, type=_Detail)
    return ApiKey(
        api_key=row.api_key,
        secret=secret,
        scope=Scope(operations=frozenset(map(Operation, detail.operations)), folder=detail.folder),
        name=detail.name,
        calls_max=detail.calls_max,
        is_enabled=row.is_enabled,
        created_at=row.created_at,
    )


def _sealed(tenant: Tenant, key: ApiKey, *, region: str) -> bytes:
    """A folder can be called after a person, and so can a key."""
    detail = _Detail(
        operations=tuple(sorted(key.scope.operations)),
        folder=key.scope.folder,
        name=key.name,
        calls_max=key.calls_max,
    )
    body, salt = msgspec.msgpack.encode(detail), os.urandom(SALT_BYTES)
    return seal(subkey(tenant.name_key, "api_key"), _context(tenant, region), header=b"", body=body, salt=salt)


def _context(tenant: Tenant, region: str) -> SealContext:
    return SealContext(tenant=tenant.cloud, aids=(), variant="api_key", region=region)

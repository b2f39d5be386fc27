"""Clouds of this origin: creating them, their policies in force, their keys for signed purges."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from domicile.media.errors import AssetExists, BadRequest, Overloaded
from domicile.media.journal import Kind
from domicile.media.policy import ResidencyPolicy
from domicile.media.url import RESERVED_CLOUDS
from origin.catalogue.tables import purge_key as table
from origin.journal import Journal
from origin.journal_reading import read_head
from origin.policy import digest
from origin.records import shared_lifetimes
from origin.records.api_keys import FIRST, first_key, insert_key
from origin.records.core import Core
from origin.records.purge_types import PurgeKey
from origin.records.types import Tenant
from origin.tenants import (
    CLOUD,
    TENANTS_MAX,
    Standing,
    insert_tenant,
    make_secrets,
    next_config,
    update_config,
)

KEYID_CHARACTERS_MAX = 128
OPERATIONS = frozenset({"asset", "public_id", "url", "tag", "prefix", "all", "erase"})


class Clouds:
    """All changes go through the journal, except the birth of a cloud, which begins it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, cloud: str) -> Tenant:
        if CLOUD.fullmatch(cloud) is None:
            raise BadRequest("a cloud name is 1 to 63 of a-z, 0-9 and -")
        if cloud in RESERVED_CLOUDS:
            raise BadRequest(f"{cloud} cannot be the name of a cloud: in URLs it means something else")
        if self._core.tenants.get(cloud) is not None:
            raise AssetExists(f"cloud {cloud} already exists")
        if len(self._core.tenants.all()) >= TENANTS_MAX:
            raise Overloaded("too many clouds")
        return await self._core.shield.run(self._create(cloud))

    async def _create(self, cloud: str) -> Tenant:
        """Keys and policy first: a crash leaves neither a cloud without secrets nor one without a policy."""
        core = self._core
        await make_secrets(core.keyring, cloud)
        key = await first_key(core, cloud)
        core.policies.write_strictest(cloud)
        policy = core.policies.read(cloud)
        tenant = core.tenants.build(cloud, 1, core.now()).with_keys((key,))
        past = core.journal.past(cloud)
        try:
            async with core.database.write() as connection:
                await insert_tenant(connection, tenant, digest(policy))
                await insert_key(connection, cloud, key, FIRST, None)
                await shared_lifetimes.begin(connection, cloud, policy)
                await Journal.begin(connection, cloud, past=past)
                head = await read_head(connection, cloud)
                await core.search.adopt(connection, cloud, head)
        except IntegrityError as taken:
            raise AssetExists(f"cloud {cloud} already exists") from taken
        core.leases.know_heads({cloud: head})
        core.tenants.put(Standing(tenant=tenant, policy=policy, policy_digest=digest(policy)))
        if past is not None:  # the name of a cloud that was lost in a restore: edges drop what they hold of it
            async with core.journal.change(cloud) as change:
                change.record(Kind.ALL)
        return tenant

    async def reload(self) -> tuple[str, ...]:
        """All files are read before any is applied: one bad file changes nothing."""
        read = {cloud: self._core.policies.read(cloud) for cloud in self._core.tenants.all()}
        changed = []
        for cloud, policy in read.items():
            standing = self._core.tenants.standing(cloud)
            if digest(policy) != standing.policy_digest:
                await self._core.shield.run(self._apply(cloud, policy))
                changed.append(cloud)
            else:
                self._core.tenants.put(replace(standing, policy=policy))
        await self._know_lifetimes()
        return tuple(changed)

    async def _know_lifetimes(self) -> None:
        """Of clouds that were made before lifetimes were remembered."""
        core = self._core
        async with core.database.read() as connection:
            known = await shared_lifetimes.known(connection)
        if unknown := [one for cloud, one in core.tenants.all().items() if cloud not in known]:
            async with core.database.write() as connection:
                for standing in unknown:
                    await shared_lifetimes.begin(connection, standing.tenant.cloud, standing.policy)

    async def _apply(self, cloud: str, policy: ResidencyPolicy | None) -> None:
        core = self._core
        async with core.journal.change(cloud) as change:
            # Under the lock: a named transformation may have changed since, and is not lost.
            standing = next_config(core.tenants.standing(cloud), policy, digest(policy))
            await update_config(change.connection, standing)
            await shared_lifetimes.change(change.connection, cloud, policy, now=core.now())
            change.record(Kind.CONFIG, config_revision=standing.tenant.config_revision)
            change.after_commit.append(lambda: core.tenants.put(standing))

    async def add_purge_key(self, key: PurgeKey) -> None:
        self._core.tenants.standing(key.tenant)
        if not 0 < len(key.keyid) <= KEYID_CHARACTERS_MAX or len(key.public_key) != 32:
            raise BadRequest("a purge key has a keyid of 1 to 128 characters and 32 bytes of ed25519")
        if not key.operations or not key.operations <= OPERATIONS:
            raise BadRequest(f"operations are of: {', '.join(sorted(OPERATIONS))}")
        values = {
            "keyid": key.keyid,
            "tenant": key.tenant,
            "public_key": key.public_key,
            "operations": " ".join(sorted(key.operations)),
            "not_before": key.not_before,
            "not_after": key.not_after,
        }
        try:
            async with self._core.database.write() as connection:
                await connection.execute(insert(table).values(values))
        except IntegrityError as taken:
            raise AssetExists("this keyid is taken") from taken

    async def purge_key(self, keyid: str) -> PurgeKey | None:
        async with self._core.database.read() as connection:
            row = (await connection.execute(select(table).where(table.c.keyid == keyid))).first()
        if row is None:
            return None
        return PurgeKey(
            tenant=row.tenant,
            keyid=row.keyid,
            public_key=row.public_key,
            operations=frozenset(row.operations.split()),
            not_before=row.not_before,
            not_after=row.not_after,
        )

    async def revoke_purge_key(self, keyid: str) -> bool:
        async with self._core.database.write() as connection:
            gone = await connection.execute(delete(table).where(table.c.keyid == keyid))
        return gone.rowcount > 0

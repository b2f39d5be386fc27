"""Clouds and their secrets. Secrets live in the keyring; the catalogue knows the name, the revision and which keys there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound
from domicile.media.policy import ResidencyPolicy
from origin.catalogue.tables import tenant as table
from origin.keyring import Keyring, purpose_id
from origin.records.tenant import Tenant
from origin.records.types import Named

CLOUD = re.compile(r"[a-z0-9-]{1,63}")
TENANTS_MAX = 10_000

_SECRETS = ("name", "file")
_TOKEN_KEYS = ("token-1", "token-2")
"""Two places: one key is in use, another is coming or going."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A tenant with everything a grant says of it, and what its policy file said; replaced as a whole."""

    tenant: Tenant
    policy: ResidencyPolicy | None
    policy_digest: str
    named: Mapping[str, Named] = field(default_factory=dict)
    """Named transformations, by name."""


def secret_ids(cloud: str) -> list[bytes]:
    """Where the keyring keeps a cloud's secrets."""
    return [purpose_id("tenant", cloud, kind) for kind in _SECRETS]


def token_key_ids(cloud: str) -> list[bytes]:
    """Where the keyring keeps what a cloud's tokens are made with, if there is any."""
    return [purpose_id("tenant", cloud, kind) for kind in _TOKEN_KEYS]


async def make_secrets(keyring: Keyring, cloud: str) -> None:
    """Create what is missing; durable on return."""
    for key_id in secret_ids(cloud):
        await keyring.get_or_create(key_id)


class Tenants:
    """All clouds in memory, as the catalogue knows them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._by_cloud: dict[str, Standing] = {}
        self._by_api_key: dict[str, str] = {}

    async def load(self, connection: AsyncConnection) -> None:
        """Read every cloud; policies come later, through `stand`."""
        for row in await connection.execute(select(table)):
            tenant = self.build(row.cloud, row.config_revision, row.created_at)
            self.put(Standing(tenant=tenant, policy=None, policy_digest=row.policy_digest))

    def build(self, cloud: str, config_revision: int, created_at: float) -> Tenant:
        """A tenant with its secrets out of the keyring, and no key of the API yet. Raises KeyError when they are gone."""
        name_key, file_key = [self._keyring.get(key_id) for key_id in secret_ids(cloud)]
        if name_key is None or file_key is None:
            raise KeyError(f"the secrets of cloud {cloud!r} are not in the keyring")
        return Tenant(
            cloud=cloud,
            api_key="",
            api_secret="",
            name_key=name_key,
            file_key=file_key,
            token_keys=tuple(key for key in map(self._keyring.get, token_key_ids(cloud)) if key is not None),
            config_revision=config_revision,
            created_at=created_at,
        )

    def put(self, standing: Standing) -> None:
        before, tenant = self.get(standing.tenant.cloud), standing.tenant
        if before is None or before.keys is not tenant.keys:
            for key in before.keys if before else ():
                self._by_api_key.pop(key.api_key, None)
            self._by_api_key.update((key.api_key, tenant.cloud) for key in tenant.keys if key.is_enabled)
        self._by_cloud[tenant.cloud] = standing

    def standing(self, cloud: str) -> Standing:
        """Raises AssetNotFound: an unknown cloud looks like an unknown asset."""
        try:
            return self._by_cloud[cloud]
        except KeyError as unknown:
            raise AssetNotFound("no such cloud") from unknown

    def get(self, cloud: str) -> Tenant | None:
        standing = self._by_cloud.get(cloud)
        return standing.tenant if standing else None

    def by_api_key(self, api_key: str) -> Tenant | None:
        """The cloud of an enabled key, as that key sees it."""
        tenant = self.get(self._by_api_key.get(api_key, ""))
        key = next((key for key in tenant.keys if key.api_key == api_key), None) if tenant else None
        return tenant.called_by(key) if tenant and key else None

    def all(self) -> Mapping[str, Standing]:
        return self._by_cloud


async def insert_tenant(connection: AsyncConnection, tenant: Tenant, policy_digest: str) -> None:
    await connection.execute(
        insert(table).values(
            cloud=tenant.cloud,
            created_at=tenant.created_at,
            config_revision=tenant.config_revision,
            policy_digest=policy_digest,
        )
    )


async def update_config(connection: AsyncConnection, standing: Standing) -> None:
    """Store a new config revision; the caller holds the journal's head."""
    await connection.execute(
        update(table)
        .where(table.c.cloud == standing.tenant.cloud)
        .values(config_revision=standing.tenant.config_revision, policy_digest=standing.policy_digest)
    )


def next_config(standing: Standing, policy: ResidencyPolicy | None, policy_digest: str) -> Standing:
    """The same tenant under another policy, one revision later."""
    tenant = replace(standing.tenant, config_revision=standing.tenant.config_revision + 1)
    return replace(standing, tenant=tenant, policy=policy, policy_digest=policy_digest)

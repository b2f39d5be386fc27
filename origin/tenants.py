"""Clouds and their secrets. Secrets live in the keyring; the catalogue knows the name, the api_key and the revision."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound
from domicile.media.policy import ResidencyPolicy
from origin.catalogue.tables import tenant as table
from origin.keyring import Keyring, purpose_id
from origin.records.types import Named, Tenant

CLOUD = re.compile(r"[a-z0-9-]{1,63}")
API_SECRET_CHARACTERS = 27
TENANTS_MAX = 10_000

_SECRETS = ("api_secret", "name", "file")
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


def new_api_key() -> str:
    """15 digits, the first not 0."""
    return str(secrets.randbelow(9 * 10**14) + 10**14)


class Tenants:
    """All clouds in memory, as the catalogue knows them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._by_cloud: dict[str, Standing] = {}
        self._by_api_key: dict[str, str] = {}

    async def load(self, connection: AsyncConnection) -> None:
        """Read every cloud; policies come later, through `stand`."""
        for row in await connection.execute(select(table)):
            tenant = self.build(row.cloud, row.api_key, row.config_revision, row.created_at)
            self.put(Standing(tenant=tenant, policy=None, policy_digest=row.policy_digest))

    def build(self, cloud: str, api_key: str, config_revision: int, created_at: float) -> Tenant:
        """A tenant with its secrets out of the keyring. Raises KeyError when they are gone."""
        keys = [self._keyring.get(key_id) for key_id in secret_ids(cloud)]
        api_secret, name_key, file_key = keys
        if api_secret is None or name_key is None or file_key is None:
            raise KeyError(f"the secrets of cloud {cloud!r} are not in the keyring")
        return Tenant(
            cloud=cloud,
            api_key=api_key,
            api_secret=base64.urlsafe_b64encode(api_secret).decode()[:API_SECRET_CHARACTERS],
            name_key=name_key,
            file_key=file_key,
            token_keys=tuple(key for key in map(self._keyring.get, token_key_ids(cloud)) if key is not None),
            config_revision=config_revision,
            created_at=created_at,
        )

    def put(self, standing: Standing) -> None:
        self._by_cloud[standing.tenant.cloud] = standing
        self._by_api_key[standing.tenant.api_key] = standing.tenant.cloud

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
        return self.get(self._by_api_key.get(api_key, ""))

    def all(self) -> Mapping[str, Standing]:
        return self._by_cloud


async def insert_tenant(connection: AsyncConnection, tenant: Tenant, policy_digest: str) -> None:
    await connection.execute(
        insert(table).values(
            cloud=tenant.cloud,
            api_key=tenant.api_key,
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

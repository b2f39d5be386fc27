"""Keys of a cloud's tokens (`media.auth_token`): made, given to edges with the grant, retired.

They live in the keyring, in two places, so that a new one can be in use before the old one goes. A cloud has none until
one is made, and then no token is good. A change is a new config revision: once edges have applied its entry, what a
retired key has made opens nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from domicile.media.errors import AssetNotFound, LimitExceeded
from domicile.media.journal import Kind
from origin.records.core import Core
from origin.records.types import FencedState
from origin.tenants import token_key_ids, update_config

ID_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """One key, and what it is called."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Says nothing about the key."""
        return hashlib.sha256(b"domicile/token-key\0" + self.key).hexdigest()[:ID_CHARS]


class TokenKeys:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def all(self, cloud: str) -> tuple[TokenKey, ...]:
        """AssetNotFound for an unknown cloud."""
        return tuple(TokenKey(key=key) for key in self._core.tenants.standing(cloud).tenant.token_keys)

    async def create(self, cloud: str) -> tuple[TokenKey, FencedState]:
        """A new one beside the old one. LimitExceeded when there are two."""
        return await self._core.shield.run(self._create(cloud))

    async def retire(self, cloud: str, key_id: str) -> FencedState:
        """AssetNotFound when no key is called so."""
        return await self._core.shield.run(self._retire(cloud, key_id))

    async def _create(self, cloud: str) -> tuple[TokenKey, FencedState]:
        core = self._core
        core.tenants.standing(cloud)
        free = [place for place in token_key_ids(cloud) if core.keyring.get(place) is None]
        if not free:
            raise LimitExceeded("This cloud has two token keys: retire one first")
        made = await core.keyring.create(free[0])
        return TokenKey(key=made), await self._publish(cloud)

    async def _retire(self, cloud: str, key_id: str) -> FencedState:
        """The key goes at last: whoever is cut off before finds it there, and does it again."""
        core = self._core
        if key_id not in {one.id for one in self.all(cloud)}:
            raise AssetNotFound("There is no such token key")
        places = [
            place
            for place in token_key_ids(cloud)
            if (key := core.keyring.get(place)) is not None and TokenKey(key=key).id == key_id
        ]
        state = await self._publish(cloud, without=key_id)
        await core.keyring.puncture(places)
        return state

    async def _publish(self, cloud: str, *, without: str = "") -> FencedState:
        core = self._core
        async with core.journal.change(cloud) as change:
            before = core.tenants.standing(cloud)
            found = [core.keyring.get(place) for place in token_key_ids(cloud)]
            keys = tuple(key for key in found if key is not None and TokenKey(key=key).id != without)
            revision = before.tenant.config_revision + 1
            standing = replace(before, tenant=replace(before.tenant, config_revision=revision, token_keys=keys))
            await update_config(change.connection, standing)
            change.record(Kind.CONFIG, config_revision=revision)
            change.after_commit.append(lambda: core.tenants.put(standing))
        return await core.fenced(cloud, change.seq)

"""The seam's side for clouds: their secrets, their policies, and the keys that sign their purges."""

from __future__ import annotations

from domicile.media.policy import Activity, Permit, Place, ResidencyPolicy
from origin.records.clouds import Clouds
from origin.records.core import Core
from origin.records.purge_types import PurgeKey
from origin.records.types import Tenant


class CloudSide:
    """Part of `Records`; see its head for what every method promises."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._clouds = Clouds(core)

    async def create_tenant(self, cloud: str) -> Tenant:
        """Create a cloud (`[a-z0-9-]{1,63}`) with new secrets and the strictest policy. BadRequest | AssetExists."""
        return await self._clouds.create(cloud)

    def tenant(self, cloud: str) -> Tenant | None:
        """The tenant of a cloud name, matched exactly."""
        return self._core.tenants.get(cloud)

    def tenant_by_api_key(self, api_key: str) -> Tenant | None:
        """The cloud of a key that may call, as that key sees it."""
        return self._core.tenants.by_api_key(api_key)

    def tenants(self) -> tuple[str, ...]:
        """Names of all clouds, sorted."""
        return tuple(sorted(self._core.tenants.all()))

    def policy(self, cloud: str) -> ResidencyPolicy | None:
        """The policy in force; None for an unknown cloud."""
        standing = self._core.tenants.all().get(cloud)
        return standing.policy if standing else None

    def permit(self, cloud: str, activity: Activity, place: Place | None = None) -> Permit:
        """Decide by the cloud's policy; `place` defaults to this origin's store. Raises OutsideRegion."""
        return self._core.permit(cloud, activity, place)

    def accepts_pdf(self, cloud: str) -> bool:
        """Does the cloud's policy take PDFs in? Raises AssetNotFound."""
        return self._core.accepts_pdf(cloud)

    async def reload_policies(self) -> tuple[str, ...]:
        """Read DATA/policies again; each cloud that changed gets a new config revision and a `config` entry.

        Returns the clouds that changed. Raises PolicyError; what was in force stays.
        """
        return await self._clouds.reload()

    async def add_purge_key(self, key: PurgeKey) -> None:
        """Register a public key for signed purges of `key.tenant`. AssetExists when the keyid is taken."""
        await self._clouds.add_purge_key(key)

    async def purge_key(self, keyid: str) -> PurgeKey | None:
        return await self._clouds.purge_key(keyid)

    async def revoke_purge_key(self, keyid: str) -> bool:
        return await self._clouds.revoke_purge_key(keyid)

"""The seam: everything the HTTP face of the origin may ask of its storage core.

    async with Records.open(settings) as records:
        draft = await records.mint("demo")
        await records.put_original(draft, body, records.permit("demo", Activity.STORE))
        done = await records.commit_upload(draft, NewAsset(...))

Every method is safe to cancel: what has begun to commit is finished. All raise kinds of `MediaError`:
AssetNotFound, AssetExists, BadRequest, BadSignature, OutsideRegion, OutOfScope, Replayed, Overloaded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from domicile.media.asset import Aid, AssetName
from domicile.media.journal import Head
from domicile.media.policy import Activity, Permit, Place, ResidencyPolicy
from domicile.media.wire import (
    Ack,
    JournalAnswer,
    LeaseAnswer,
    LeaseRequest,
    RenditionReport,
    ResolveAnswer,
    ResolveRequest,
)
from origin.records.settings import RecordsSettings
from origin.records.types import (
    AssetRecord,
    Committed,
    Draft,
    ErasureStatement,
    FencedState,
    Filter,
    NewAsset,
    Page,
    PurgeKey,
    PurgeOutcome,
    PurgeTargets,
    Removed,
    RemovedMany,
    RenditionRecord,
    SealedBlob,
    Tenant,
)

VerifyDelivery = Callable[[str, str, str], bool]
"""(api_secret, signature of 8 or 32 characters, signed text) -> does it hold?"""


class Records:
    """The storage core of one origin process."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: RecordsSettings) -> AsyncIterator[Records]:
        """Lock DATA, migrate the catalogue, read the keyring, finish what a crash left half done, serve.

        Raises BadSetting when DATA is held by another process, the keys directory lies inside DATA or is readable by
        others, or DATA belongs to another region.
        """
        raise NotImplementedError
        yield cls()

    # --- tenants and policy -------------------------------------------------------------------------------------

    async def create_tenant(self, cloud: str) -> Tenant:
        """Create a cloud (`[a-z0-9-]{1,63}`) with new secrets and the strictest policy. BadRequest | AssetExists."""
        raise NotImplementedError

    def tenant(self, cloud: str) -> Tenant | None:
        """The tenant of a cloud name, matched exactly."""
        raise NotImplementedError

    def tenant_by_api_key(self, api_key: str) -> Tenant | None:
        raise NotImplementedError

    def tenants(self) -> tuple[str, ...]:
        """Names of all clouds, sorted."""
        raise NotImplementedError

    def policy(self, cloud: str) -> ResidencyPolicy | None:
        """The policy in force; None for an unknown cloud."""
        raise NotImplementedError

    def permit(self, cloud: str, activity: Activity, place: Place | None = None) -> Permit:
        """Decide by the cloud's policy; `place` defaults to this origin's store. Raises OutsideRegion."""
        raise NotImplementedError

    async def reload_policies(self) -> tuple[str, ...]:
        """Read DATA/policies again; each cloud that changed gets a new config revision and a `config` entry.

        Returns the clouds that changed. Raises PolicyError; what was in force stays.
        """
        raise NotImplementedError

    async def add_purge_key(self, key: PurgeKey) -> None:
        """Register a public key for signed purges of `key.tenant`. AssetExists when the keyid is taken."""
        raise NotImplementedError

    async def purge_key(self, keyid: str) -> PurgeKey | None:
        raise NotImplementedError

    async def revoke_purge_key(self, keyid: str) -> bool:
        raise NotImplementedError

    # --- uploads ------------------------------------------------------------------------------------------------

    async def mint(self, tenant: str) -> Draft:
        """A fresh aid whose key is durable in the keyring. A draft that is never committed is removed at start."""
        raise NotImplementedError

    async def put_original(self, draft: Draft, body: bytes, permit: Permit) -> None:
        """Seal the bytes under the draft's key and make them durable. `permit`: Activity.STORE."""
        raise NotImplementedError

    async def commit_upload(self, draft: Draft, asset: NewAsset) -> Committed:
        """Give the draft its name, in one transaction with the journal entry; a replaced version ends as an erase.

        Waits up to `ack_seconds_max` for edges; look at `fenced` for how far it came.
        """
        raise NotImplementedError

    async def discard(self, draft: Draft) -> None:
        """Forget a draft that will not be committed: key and bytes."""
        raise NotImplementedError

    # --- reading ------------------------------------------------------------------------------------------------

    async def get(self, name: AssetName) -> AssetRecord | None:
        raise NotImplementedError

    async def get_by_asset_id(self, tenant: str, asset_id: str) -> AssetRecord | None:
        raise NotImplementedError

    async def list(
        self,
        tenant: str,
        where: Filter,
        *,
        start_at: float | None = None,
        direction: str = "desc",
        max_results: int = 10,
        cursor: str | None = None,
    ) -> Page:
        """Matching assets by time of creation (`direction` "asc" or "desc"), `max_results` 1 to 500.

        `start_at`: with "asc" the first time to show, with "desc" the last. BadRequest for a cursor that is not ours.
        """
        raise NotImplementedError

    async def renditions(self, tenant: str, aid: Aid) -> tuple[RenditionRecord, ...]:
        """The API's `derived[]`: at most RENDITIONS_PER_AID_MAX."""
        raise NotImplementedError

    async def head(self, tenant: str) -> Head:
        raise NotImplementedError

    # --- changing -----------------------------------------------------------------------------------------------

    async def update(
        self, name: AssetName, *, tags: tuple[str, ...] | None = None, context: Mapping[str, str] | None = None
    ) -> AssetRecord:
        """Replace tags and/or context; None leaves them. AssetNotFound."""
        raise NotImplementedError

    async def rename(
        self, old: AssetName, new_public_id: str, *, to_type: str | None = None, overwrite: bool = False
    ) -> Committed:
        """Move the name. AssetNotFound; AssetExists when the new name is taken and `overwrite` is false."""
        raise NotImplementedError

    async def retype(self, name: AssetName, to_type: str) -> Committed:
        """Change the delivery type (`explicit`); same errors as `rename`."""
        raise NotImplementedError

    async def destroy(self, name: AssetName) -> Removed | None:
        """Delete: the name is free, caches are purged, key and bytes are gone. None when there is no such asset."""
        raise NotImplementedError

    async def destroy_many(
        self,
        tenant: str,
        *,
        names: Iterable[AssetName] = (),
        asset_ids: Iterable[str] = (),
        where: Filter | None = None,
    ) -> RemovedMany:
        """Delete by names and ids, or everything that a filter matches; at most DELETE_ASSETS_MAX at once.

        An empty filter matches the whole tenant; None matches nothing.
        """
        raise NotImplementedError

    async def purge(
        self,
        tenant: str,
        targets: PurgeTargets,
        *,
        purge_id: str,
        digest: str,
        keyid: str = "",
        nonce: str = "",
        nonce_expires_at: float = 0.0,
    ) -> PurgeOutcome:
        """Drop cached copies. Nonce, purge_id and journal entry are one transaction.

        `nonce` empty: the caller was authenticated another way (no replay to stop). `digest` identifies the content.
        Replayed: the nonce was used. BadRequest: the purge_id was used for other content, or too many targets.
        OutOfScope: a target lies outside the tenant.
        """
        raise NotImplementedError

    async def erase(self, tenant: str, targets: PurgeTargets, *, request_id: str = "") -> ErasureStatement:
        """Forget: all versions of the matching assets, their keys, names, bytes and cached copies; say so, signed.

        AssetNotFound when nothing matches (erased before and never existed look the same).
        """
        raise NotImplementedError

    async def erase_preview(self, tenant: str, targets: PurgeTargets) -> tuple[AssetRecord, ...]:
        """What `erase` would take, without taking it; at most DELETE_ASSETS_MAX."""
        raise NotImplementedError

    def statement_public_key(self) -> bytes:
        """32 raw bytes: verifies every ErasureStatement of this installation."""
        raise NotImplementedError

    # --- the wire -----------------------------------------------------------------------------------------------

    async def resolve(self, request: ResolveRequest) -> ResolveAnswer:
        """Name -> aid and keys, in one snapshot. BadSignature | OutsideRegion | AssetNotFound (unknown cloud)."""
        raise NotImplementedError

    async def owner_of(self, aid: Aid) -> str | None:
        """The tenant of a live aid."""
        raise NotImplementedError

    async def read_original(self, aid: Aid, permit: Permit, span: tuple[int, int | None] | None = None) -> SealedBlob:
        """Sealed bytes [start, end) of an original. `permit`: Activity.TRANSFORM at the reader's place, or STORE here.

        AssetNotFound when the aid is not live; BadRequest when the range is outside the file.
        """
        raise NotImplementedError

    async def entries(self, cursors: Mapping[str, int], *, wait_seconds: float) -> JournalAnswer:
        """Entries after each tenant's cursor, in order; waits up to `wait_seconds` (at most 30) for the first one."""
        raise NotImplementedError

    async def grant_lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Heads are read after the request arrived, in a transaction that also writes (decisions D.1)."""
        raise NotImplementedError

    async def ack(self, ack: Ack) -> None:
        raise NotImplementedError

    async def fenced(self, tenant: str, seq: int, *, wait_seconds: float = 0.0) -> FencedState:
        """How far an entry has come; waits up to `wait_seconds` (at most `ack_seconds_max`) for it to be fenced."""
        raise NotImplementedError

    async def add_renditions(self, report: RenditionReport) -> int:
        """Remember what an edge made; rows of aids that are no longer live are dropped. Returns how many were kept."""
        raise NotImplementedError

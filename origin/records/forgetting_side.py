"""The seam's side for purging and erasing, and for what proves that it was done."""

from __future__ import annotations

from typing import Any

from domicile.media.statement import ErasureStatement
from origin.records.audit import AuditLog
from origin.records.core import Core
from origin.records.erasures import Erasures
from origin.records.nonces import Once
from origin.records.purge_types import ErasePreview, PurgeOutcome, PurgeTargets, Versions
from origin.records.purges import Call, Purges


class ForgettingSide:
    """Part of `Records`; see its head for what every method promises."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._purges = Purges(core)
        self._erasures = Erasures(core)

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
        call = Call(purge_id=purge_id, digest=digest, keyid=keyid, nonce=nonce, nonce_expires_at=nonce_expires_at)
        return await self._purges.purge(tenant, targets, call)

    async def erase(
        self,
        tenant: str,
        targets: PurgeTargets,
        *,
        versions: Versions = Versions.ALL,
        request_id: str = "",
        once: Once | None = None,
    ) -> ErasureStatement:
        """Forget: all versions of the matching assets, their keys, names, bytes and cached copies; say so, signed. What
        matches is what does at one place of the journal, all of it.

        The same `request_id` means the same erasure: its statement is that of now.
        AssetNotFound when nothing matches (erased before and never existed look the same); LimitExceeded when too much
        does; Replayed.
        """
        return await self._erasures.erase(tenant, targets, versions=versions, request_id=request_id, once=once)

    async def erasure(self, tenant: str, erasure_id: str) -> ErasureStatement:
        """How far an erasure has come, signed; kept for STATEMENT_KEPT_SECONDS once it is over. AssetNotFound."""
        return await self._erasures.status(tenant, erasure_id)

    async def erase_preview(
        self, tenant: str, targets: PurgeTargets, *, versions: Versions = Versions.ALL
    ) -> ErasePreview:
        """What `erase` would take, without taking it."""
        return await self._erasures.preview(tenant, targets, versions)

    def statement_public_key(self) -> bytes:
        """32 raw bytes: verifies every ErasureStatement of this installation."""
        return self._erasures.public_key()

    async def receipt(self, tenant: str, erasure_id: str) -> dict[str, Any]:
        """What an erasure that is over can be proved with, offline: see domicile/media/receipt.py. AssetNotFound."""
        return await self._erasures.receipt(tenant, erasure_id)

    @property
    def audit(self) -> AuditLog:
        return self._core.audit

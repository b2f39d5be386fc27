"""The seam's side for purging and erasing, for what proves that it was done, and for where things are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domicile.media.probe import KnownUrl
from domicile.media.statement import ErasureStatement
from origin.cdn_accounts import read_accounts
from origin.records import backups, working_sets
from origin.records.audit import AuditLog
from origin.records.cdn_purges import CdnPurges
from origin.records.core import Core
from origin.records.crawl import Crawler
from origin.records.endings import Endings
from origin.records.erasures import Erasures
from origin.records.holds import Hold, Holds
from origin.records.nonces import Once
from origin.records.places import Places
from origin.records.probes import Probe, Probes
from origin.records.purge_types import ErasePreview, PurgeOutcome, PurgeTargets, Versions
from origin.records.purges import Call, Purges
from origin.records.stages import Mode
from origin.records.types import AssetRecord


class ForgettingSide:
    """Part of `Records`; see its head for what every method promises."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._purges = Purges(core)
        self.cdn_purges = CdnPurges(core, read_accounts(core.settings.keys_directory))
        if self.cdn_purges.accounts:
            core.journal.followers.append(self.cdn_purges.written)
        self._erasures = Erasures(core)
        self._endings = Endings(core)
        self._holds = Holds(core)
        accounts = self.cdn_purges.accounts
        self.places = Places(core, lambda cloud: [name for name, one in accounts.items() if one.serves(cloud)])
        self.crawler = Crawler(core)

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
        grace: int = 0,
        asked_by: str = "",
    ) -> ErasureStatement:
        """Forget: all versions of the matching assets, their keys, names, bytes and cached copies; say so, signed. What
        matches is what does at one place of the journal, all of it.

        The same `request_id` means the same erasure: its statement is that of now.
        AssetNotFound when nothing matches (erased before and never existed look the same); LimitExceeded when too much
        does; Replayed.

        `grace`: seconds for which it is only restricted, and can be cancelled. `asked_by`: the API key, for who must not be the
        one to approve it. What a hold keeps is erased when that ends.
        """
        return await self._erasures.erase(
            tenant,
            targets,
            versions=versions,
            request_id=request_id,
            once=once,
            grace=grace,
            asked_by=asked_by,
        )

    async def restrict(
        self, tenant: str, targets: PurgeTargets, *, request_id: str = "", once: Once | None = None
    ) -> ErasureStatement:
        """Keep the matching assets and show them to nobody, until `unrestrict` (GDPR Art. 18). AssetNotFound; Replayed."""
        return await self._erasures.erase(tenant, targets, request_id=request_id, once=once, mode=Mode.RESTRICT)

    async def unrestrict(
        self, tenant: str, targets: PurgeTargets, *, request_id: str = "", once: Once | None = None
    ) -> ErasureStatement:
        """What `restrict` did is undone. AssetNotFound when none of what matches is restricted; Replayed."""
        return await self._erasures.erase(tenant, targets, request_id=request_id, once=once, mode=Mode.UNRESTRICT)

    async def cancel_erasure(self, tenant: str, erasure_id: str) -> ErasureStatement:
        """One that has taken nothing and waits. BadRequest: too late. AssetNotFound."""
        return await self._erasures.cancel(tenant, erasure_id)

    async def approve_erasure(self, tenant: str, erasure_id: str, *, api_key: str) -> ErasureStatement:
        """By another API key than the one that asked. BadRequest: none is waited for. OutOfScope, AssetNotFound."""
        return await self._erasures.approve(tenant, erasure_id, api_key=api_key)

    async def look_at_erasure(self, tenant: str, erasure_id: str) -> None:
        """Somebody has said something about it, or it has waited for a while: go on with it."""
        await self._endings.look_at(tenant, erasure_id)

    @property
    def probes(self) -> Probes:
        """What is asked after, and how far every place has come."""
        return self._core.probes

    async def probed_urls(self, probe: Probe) -> tuple[KnownUrl, ...]:
        """Under which what was erased is known, as of now."""
        if probe.work is None:
            return ()
        async with self._core.database.read() as connection:
            return await working_sets.as_of_now(self._core, connection, probe.tenant, probe.work)

    # --- legal holds ------------------------------------------------------------------------------------------------

    async def place_hold(
        self, tenant: str, targets: PurgeTargets, *, placed_by: str, reason: str, api_key: str
    ) -> ErasureStatement:
        """No version of the matching assets is erased until it is lifted. AssetNotFound, BadRequest, LimitExceeded."""
        return await self._holds.place(tenant, targets, placed_by=placed_by, reason=reason, api_key=api_key)

    async def lift_hold(self, tenant: str, hold_id: str) -> ErasureStatement:
        """And go on with what waited for that. AssetNotFound."""
        lifted = await self._holds.lift(tenant, hold_id)
        await self._erasures.resume(tenant)
        await backups.drop_old_of(self._core, tenant)
        return lifted

    async def holds_told(self) -> None:
        """At a start, once CDNs have caught up with it: the journal knows of each hold."""
        await self._holds.tell_again()

    async def holds(self, tenant: str) -> list[Hold]:
        """Those that stand, the newest first."""
        return await self._holds.all(tenant)

    async def erasure(self, tenant: str, erasure_id: str) -> ErasureStatement:
        """How far an erasure has come, signed; kept for STATEMENT_KEPT_SECONDS once it is over. AssetNotFound."""
        return await self._erasures.status(tenant, erasure_id)

    async def erase_preview(
        self, tenant: str, targets: PurgeTargets, *, versions: Versions = Versions.ALL
    ) -> ErasePreview:
        """What `erase` would take, without taking it."""
        return await self._erasures.preview(tenant, targets, versions)

    def has_keys_of(self, records: Iterable[AssetRecord]) -> bool:
        """Was none of these erased, nor what they hold bytes of? Asked while something of them is on its way."""
        keyring = self._core.keyring
        return all(keyring.of(aid) is not None for record in records for aid in (record.aid, *record.sources))

    def statement_public_key(self) -> bytes:
        """32 raw bytes: verifies every ErasureStatement of this installation."""
        return self._erasures.public_key()

    async def receipt(self, tenant: str, erasure_id: str) -> dict[str, Any]:
        """What an erasure that is over can be proved with, offline: see domicile/media/receipt.py. AssetNotFound."""
        return await self._endings.receipt(tenant, erasure_id)

    @property
    def audit(self) -> AuditLog:
        return self._core.audit

"""Erase: every version of the matching assets is forgotten, and a signed statement says so (decisions B.2, E).

Order: journal entry and rows (from here on nobody resolves it) -> key punctured and bytes deleted, while edges apply the
entry -> statement. A crash in between leaves the aids doomed; the next start finishes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.journal import Head
from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, ErasureStatement, public_key_of, sign
from origin.catalogue.port import AssetRow
from origin.keyring import Keyring, purpose_id
from origin.records import targets as selection
from origin.records.core import Core, Forgotten
from origin.records.deletes import DELETE_ASSETS_MAX, erase_entry, forget_rows
from origin.records.types import AssetRecord, FencedState, Fencing, PurgeTargets

ERASE_ENTRIES_MAX = 1000
"""Entries of one erase call, DELETE_ASSETS_MAX assets each."""
VERSIONS_SHOWN_MAX = 1000
"""Keyed hashes of versions that a statement lists; the counts are always of all."""

SIGNING_KEY = purpose_id("installation", "statement")


async def make_signing_key(keyring: Keyring) -> None:
    """Once, at the first start."""
    await keyring.get_or_create(SIGNING_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erased:
    """What the journal entries of one call took."""

    tenant: str
    request_id: str
    head: Head
    aids: Sequence[Aid]
    renditions: int


class Erasures:
    """What forgets on purpose."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def public_key(self) -> bytes:
        return public_key_of(self._seed())

    async def preview(self, tenant: str, targets: PurgeTargets) -> tuple[AssetRecord, ...]:
        selection.check_targets(targets)
        core = self._core
        core.tenants.standing(tenant)
        async with core.database.read() as connection:
            rows = await selection.select(core, connection, tenant, targets, limit=DELETE_ASSETS_MAX)
        return tuple(core.open_all(rows))

    async def erase(self, tenant: str, targets: PurgeTargets, *, request_id: str) -> ErasureStatement:
        selection.check_targets(targets)
        return await self._core.shield.run(self._erase(tenant, targets, request_id))

    async def _erase(self, tenant: str, targets: PurgeTargets, request_id: str) -> ErasureStatement:
        core, aids, renditions = self._core, list[Aid](), 0
        head: Head | None = None
        for _ in range(ERASE_ENTRIES_MAX):
            async with core.journal.change(tenant) as change:
                rows = await selection.select(core, change.connection, tenant, targets, limit=DELETE_ASSETS_MAX)
                for row in rows:
                    renditions += await core.catalogue.remove(change.connection, row, seq=change.seq)
                if rows:
                    erase_entry(change, rows)
                    change.after_commit.append(_forgetting(core, rows))
            if rows:
                head = change.head
                aids += [row.aid for row in rows]
            if len(rows) < DELETE_ASSETS_MAX:
                break
            targets = replace(targets, urls=())  # once more they would mean the next candidate of the same path
        if head is None:
            raise AssetNotFound("nothing matches")
        forgotten, fenced = await core.forget_and_wait(tenant, head.seq, aids)
        erased = _Erased(tenant=tenant, request_id=request_id, head=head, aids=aids, renditions=renditions)
        return self._state(erased, forgotten, fenced)

    def _state(self, erased: _Erased, forgotten: Forgotten, fenced: FencedState) -> ErasureStatement:
        core, tenant, head, aids = self._core, erased.tenant, erased.head, erased.aids
        policy = core.tenants.standing(tenant).policy
        lifetimes = policy.lifetimes if policy else None
        sealed = forgotten.complete and fenced.state is Fencing.FENCED
        body: dict[str, Any] = {
            "tenant": tenant,
            "request_id": core.hash_of(tenant, "request", erased.request_id) if erased.request_id else None,
            "issued_at": int(core.now()),
            "region": core.settings.region,
            "outcome": "erased" if sealed else "partial",
            "removed": {"versions": len(aids), "originals": forgotten.blobs, "renditions": erased.renditions},
            "versions": [core.hash_of(tenant, "aid", aid) for aid in aids[:VERSIONS_SHOWN_MAX]],
            "journal": {"epoch": head.epoch, "seq": head.seq, "chain": head.chain},
            "key": _key_state(forgotten, fenced),
            "places": [_origin_place(core, forgotten), _edges_place(fenced)],
            "residuals": _residuals(lifetimes.browser_seconds_max, lifetimes.shared_seconds_max) if lifetimes else [],
            "failure_domains": 1,
        }
        return sign(body, self._seed())

    def _seed(self) -> bytes:
        seed = self._core.keyring.get(SIGNING_KEY)
        if seed is None:
            raise RuntimeError("the signing key is made at start")
        return seed


def _forgetting(core: Core, rows: list[AssetRow]) -> Callable[[], None]:
    return lambda: forget_rows(core, rows)


def _key_state(forgotten: Forgotten, fenced: FencedState) -> dict[str, Any]:
    if not forgotten.sealed:
        state = "not destroyed yet; tried again every minute"
    else:
        state = KEY_STATE_FILE if fenced.state is Fencing.FENCED else KEY_STATE_WAITING
    return {"class": "file", "state": state, "root_before": forgotten.root_before, "root_after": forgotten.root_after}


def _origin_place(core: Core, forgotten: Forgotten) -> dict[str, Any]:
    state = "deleted" if forgotten.complete else "pending"
    return {"place": "origin store", "region": core.settings.region, "state": state, "evidence": "unlinked, synced"}


def _edges_place(fenced: FencedState) -> dict[str, Any]:
    return {
        "place": "edges",
        "state": str(fenced.state),
        "acked": fenced.acked,
        "suspended": fenced.suspended,
        "waiting": fenced.waiting,
        "seconds_left_max": int(-(-fenced.seconds_left_max // 1)),
    }


def _residuals(browser_seconds: int, shared_seconds: int) -> list[dict[str, Any]]:
    """Copies nobody can call back; they end by the lifetimes that were sent with them."""
    return [
        {"place": "browser caches", "seconds_max": browser_seconds},
        {"place": "shared caches outside", "seconds_max": shared_seconds},
    ]

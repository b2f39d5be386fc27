"""What an erasure statement says: counts, keyed hashes, positions, the class of each piece of evidence; nobody's name."""

from __future__ import annotations

from typing import Any

from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, STATUS_PATH
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.stages import Mode, Stage, Standing, stage_of
from origin.records.types import FencedState, Fencing

_OUTCOMES = {
    Stage.CANCELLED: "cancelled",
    Stage.RECEIPTED: "erased",
    Stage.AWAITING_APPROVAL: "waiting",
    Stage.RESTRICTED: "waiting",
    Stage.BLOCKED_BY_HOLD: "waiting",
}
"""Of an erasure; any other stage is "partial"."""
_KEPT = "kept: nothing is erased"
_NOTHING_LEFT = "nothing was left to erase"


def body_of(
    core: Core, row: ErasureRow, fenced: FencedState, *, left: int, at: Standing | None = None, held: int = 0
) -> dict[str, Any]:
    """The body of a statement as things stand; `left`: versions whose key or bytes may still be there; `at`: where a call
    stands that is not carried out at once, `held`: how many of its assets a hold keeps.
    """
    policy, state = core.tenants.standing(row.tenant).policy, row.state
    lifetimes = policy.lifetimes if policy else None
    stage = _stage(row, fenced, left, at)
    residuals = _residuals(lifetimes.browser_seconds_max, lifetimes.shared_seconds_max) if lifetimes else []
    return {
        "tenant": row.tenant,
        "erasure_id": row.id,
        "status_url": STATUS_PATH.format(tenant=row.tenant, id=row.id),
        "request": row.request,
        "issued_at": int(core.now()),
        "region": core.settings.region,
        "mode": str(at.mode) if at else Mode.ERASE.value,
        "state": str(stage),
        "outcome": _outcome(stage, at, versions=state.versions),
        **_waits(row, at, held),
        "removed": {
            "versions": state.versions,
            "originals": state.originals if left else state.versions,
            "renditions": state.renditions,
        },
        "versions": list(state.shown),
        "recipients": dict(state.recipients),
        "journal": {"epoch": state.head.epoch, "seq": state.head.seq, "chain": state.head.chain},
        "key": _key_state(core, row, fenced, left, stage),
        "places": [_origin_place(core, row, left, stage), _edges_place(fenced)],
        "bound_seconds": _bound(row, fenced, at, residuals),
        "residuals": [*residuals, *([{"place": core.search.residual}] if core.search.residual else [])],
        "failure_domains": 1,
    }


def _stage(row: ErasureRow, fenced: FencedState, left: int, at: Standing | None) -> Stage:
    return stage_of(
        at,
        finished=row.state.finished,
        left=left,
        keys_gone=not left or row.state.sealed,
        fenced=fenced.state is Fencing.FENCED,
    )


def _outcome(stage: Stage, at: Standing | None, *, versions: int) -> str:
    if at is not None and at.mode is not Mode.ERASE:
        return str(stage) if stage in {Stage.RESTRICTED, Stage.UNRESTRICTED} else "partial"
    outcome = _OUTCOMES.get(stage, "partial")
    return "partial" if outcome == "waiting" and versions else outcome


def _waits(row: ErasureRow, at: Standing | None, held: int) -> dict[str, Any]:
    waits = row.state.deferred
    if waits is None or at is None:
        return {}
    told = {"assets": waits.assets, "held": held}
    told |= {"grace_ends_at": int(-(-waits.grace_until // 1))} if waits.grace_until else {}
    told |= {"approval_ends_at": int(waits.approve_until)} if waits.approve_until else {}
    return {"waits": told}


def _bound(row: ErasureRow, fenced: FencedState, at: Standing | None, residuals: list[dict[str, Any]]) -> int | None:
    """Seconds until nobody is shown any of it any more, at the latest; None: that is not for this installation to say."""
    if at is not None and (at.is_cancelled or at.mode is Mode.UNRESTRICT or at.approve_until):
        return None
    if at is not None and at.held and not at.held_restricted:
        return None
    outside = max((one["seconds_max"] for one in residuals), default=0)
    return int(-(-fenced.seconds_left_max // 1)) + outside


def _key_state(core: Core, row: ErasureRow, fenced: FencedState, left: int, stage: Stage) -> dict[str, Any]:
    if not row.state.versions:
        said = _NOTHING_LEFT if stage is Stage.RECEIPTED else _KEPT
    elif left and not row.state.sealed:
        said = "not destroyed yet; tried again every minute"
    else:
        said = KEY_STATE_FILE if fenced.state is Fencing.FENCED else KEY_STATE_WAITING
    now = core.keyring.root_number
    return {
        "class": "file",
        "state": said,
        "root_before": row.state.root_before or now,
        "root_after": row.state.root_after or now,
    }


def _origin_place(core: Core, row: ErasureRow, left: int, stage: Stage) -> dict[str, Any]:
    state = ("pending" if left else "deleted") if row.state.versions or stage is Stage.RECEIPTED else "kept"
    return {"place": "origin store", "region": core.settings.region, "state": state, "evidence": core.blobs.evidence}


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

"""What an erasure statement says: counts, keyed hashes, positions, the class of each piece of evidence; nobody's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, STATUS_PATH
from origin.records import place_names
from origin.records.cdn_places import CdnPlace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How an erasure stands."""

    fenced: FencedState
    left: int
    """Versions whose key or bytes may still be there."""
    is_counted: bool
    """What was forgotten is written down."""
    cdns: Sequence[CdnPlace]
    shared_seconds: int
    """The longest that a copy in a shared cache may have been told to live."""
    at: Standing | None = None
    """Where a call stands that is not carried out at once."""
    held: int = 0
    """How many of its assets a hold keeps."""

    @property
    def is_outside_over(self) -> bool:
        """At edges and CDNs."""
        return self.fenced.state is Fencing.FENCED and all(cdn.is_over for cdn in self.cdns)


def is_over(row: ErasureRow, facts: Facts) -> bool:
    """Nothing is left to do, here, at an edge or at a CDN: the one place that decides it."""
    return row.state.finished and facts.left == 0 and facts.is_counted and facts.is_outside_over


def body_of(core: Core, row: ErasureRow, facts: Facts) -> dict[str, Any]:
    """The body of a statement as things stand."""
    policy, state = core.tenants.standing(row.tenant).policy, row.state
    fenced, left, at = facts.fenced, facts.left, facts.at
    lifetimes = policy.lifetimes if policy else None
    stage = _stage(row, facts)
    residuals = _residuals(lifetimes.browser_seconds_max, facts.shared_seconds) if lifetimes else []
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
        **_waits(row, at, facts.held),
        "removed": {
            "versions": state.versions,
            "originals": state.originals if left else state.versions,
            "renditions": state.renditions,
        },
        "versions": list(state.shown),
        "recipients": dict(state.recipients),
        "journal": {"epoch": state.head.epoch, "seq": state.head.seq, "chain": state.head.chain},
        "key": _key_state(core, row, fenced, left, stage),
        "places": [_origin_place(core, row, left, stage), _edges_place(fenced), *map(_cdn_place, facts.cdns)],
        "bound_seconds": _bound(row, fenced, at, residuals),
        "residuals": [*residuals, *([{"place": core.search.residual}] if core.search.residual else [])],
        "failure_domains": 1,
    }


def _stage(row: ErasureRow, facts: Facts) -> Stage:
    return stage_of(
        facts.at,
        finished=row.state.finished and facts.is_counted,
        left=facts.left,
        keys_gone=not facts.left or row.state.sealed,
        fenced=facts.is_outside_over,
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
    evidence = core.blobs.evidence if state == "deleted" else ""  # of what was done, and nothing is before it is
    return {"place": place_names.STORE, "region": core.settings.region, "state": state, "evidence": evidence}


def _edges_place(fenced: FencedState) -> dict[str, Any]:
    return {
        "place": place_names.EDGES,
        "state": str(fenced.state),
        "acked": fenced.acked,
        "suspended": fenced.suspended,
        "waiting": fenced.waiting,
        "seconds_left_max": int(-(-fenced.seconds_left_max // 1)),
    }


def _cdn_place(cdn: CdnPlace) -> dict[str, Any]:
    """`evidence`: the CDN's own name for its purge, or what went wrong last. Whether it told the truth we do not know."""
    return {
        "place": place_names.cdn(cdn.account),
        "state": _cdn_state(cdn),
        "evidence": cdn.said,
        "purges": cdn.purges,
        "confirmed": cdn.confirmed,
        "expired": cdn.lapsed,
        "fenced_at": int(cdn.fenced_at),
        "first_purged_at": int(cdn.first_at),
        "ended_at": int(cdn.ended_at),
        "seconds_left_max": math.ceil(cdn.seconds_left_max),
    }


def _cdn_state(cdn: CdnPlace) -> str:
    if not cdn.is_over:
        return "pending"
    return "expired" if cdn.lapsed else "purged"


def _residuals(browser_seconds: int, shared_seconds: int) -> list[dict[str, Any]]:
    """Copies nobody can call back; they end by the lifetimes that were sent with them."""
    return [
        {"place": place_names.BROWSERS, "seconds_max": browser_seconds},
        {"place": place_names.SHARED, "seconds_max": shared_seconds},
    ]

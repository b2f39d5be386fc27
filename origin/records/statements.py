"""What an erasure statement says: counts, keyed hashes, positions, the class of each piece of evidence; nobody's name."""

from __future__ import annotations

from typing import Any

from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, STATUS_PATH
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.types import FencedState, Fencing


def body_of(core: Core, row: ErasureRow, fenced: FencedState, *, left: int) -> dict[str, Any]:
    """The body of a statement as things stand; `left`: versions whose key or bytes may still be there."""
    policy, state = core.tenants.standing(row.tenant).policy, row.state
    lifetimes = policy.lifetimes if policy else None
    is_over = state.finished and left == 0 and fenced.state is Fencing.FENCED
    return {
        "tenant": row.tenant,
        "erasure_id": row.id,
        "status_url": STATUS_PATH.format(tenant=row.tenant, id=row.id),
        "request": row.request,
        "issued_at": int(core.now()),
        "region": core.settings.region,
        "outcome": "erased" if is_over else "partial",
        "removed": {
            "versions": state.versions,
            "originals": state.originals if left else state.versions,
            "renditions": state.renditions,
        },
        "versions": list(state.shown),
        "journal": {"epoch": state.head.epoch, "seq": state.head.seq, "chain": state.head.chain},
        "key": _key_state(core, row, fenced, left),
        "places": [_origin_place(core, left), _edges_place(fenced)],
        "residuals": [
            *(_residuals(lifetimes.browser_seconds_max, lifetimes.shared_seconds_max) if lifetimes else []),
            *([{"place": core.search.residual}] if core.search.residual else []),
        ],
        "failure_domains": 1,
    }


def _key_state(core: Core, row: ErasureRow, fenced: FencedState, left: int) -> dict[str, Any]:
    if left and not row.state.sealed:
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


def _origin_place(core: Core, left: int) -> dict[str, Any]:
    state = "pending" if left else "deleted"
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

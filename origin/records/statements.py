"""What an erasure statement says: counts, keyed hashes, positions, the class of each piece of evidence; nobody's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, STATUS_PATH
from origin.records.cdn_places import CdnPlace
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.types import FencedState, Fencing

ERASED, PARTIAL = "erased", "partial"
"""What came of an erasure, so far."""


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


def is_over(row: ErasureRow, facts: Facts) -> bool:
    """Nothing is left to do, here, at an edge or at a CDN: the one place that decides it."""
    is_forgotten = row.state.finished and facts.left == 0 and facts.is_counted
    return is_forgotten and facts.fenced.state is Fencing.FENCED and all(cdn.is_over for cdn in facts.cdns)


def body_of(core: Core, row: ErasureRow, facts: Facts) -> dict[str, Any]:
    """The body of a statement as things stand."""
    policy, state, fenced, left = core.tenants.standing(row.tenant).policy, row.state, facts.fenced, facts.left
    lifetimes = policy.lifetimes if policy else None
    return {
        "tenant": row.tenant,
        "erasure_id": row.id,
        "status_url": STATUS_PATH.format(tenant=row.tenant, id=row.id),
        "request": row.request,
        "issued_at": int(core.now()),
        "region": core.settings.region,
        "outcome": ERASED if is_over(row, facts) else PARTIAL,
        "removed": {
            "versions": state.versions,
            "originals": state.originals if left else state.versions,
            "renditions": state.renditions,
        },
        "versions": list(state.shown),
        "journal": {"epoch": state.head.epoch, "seq": state.head.seq, "chain": state.head.chain},
        "key": _key_state(core, row, fenced, left),
        "places": [_origin_place(core, left), _edges_place(fenced), *map(_cdn_place, facts.cdns)],
        "residuals": _residuals(lifetimes.browser_seconds_max, facts.shared_seconds) if lifetimes else [],
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


def _cdn_place(cdn: CdnPlace) -> dict[str, Any]:
    """`evidence`: the CDN's own name for its purge, or what went wrong last. Whether it told the truth we do not know."""
    return {
        "place": f"cdn {cdn.account}",
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
        {"place": "browser caches", "seconds_max": browser_seconds},
        {"place": "shared caches outside", "seconds_max": shared_seconds},
    ]

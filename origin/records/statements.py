"""What an erasure statement says: counts, keyed hashes, positions, the class of each piece of evidence; nobody's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domicile.media.statement import KEY_STATE_WAITING, STATUS_PATH, key_state, key_state_locked
from origin.records import place_names
from origin.records.cdn_places import CdnPlace
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.probe_places import probe_of_cdn, probe_of_ciphertext, probe_of_edges
from origin.records.probes import Looked
from origin.records.stages import Mode, Outside, Stage, Standing, stage_of
from origin.records.types import FencedState, Fencing

_OUTCOMES = {
    Stage.CANCELLED: "cancelled",
    Stage.VERIFIED: "erased",
    Stage.RECEIPTED: "erased",
    Stage.AWAITING_APPROVAL: "waiting",
    Stage.RESTRICTED: "waiting",
    Stage.BLOCKED_BY_HOLD: "waiting",
}
"""Of an erasure; any other stage is "partial", and so is one that has a receipt without being verified."""
PROBED_SECONDS = 10.0
"""What asking every place takes at most, where each answers."""
_KEPT = "kept: nothing is erased"
_NOT_YET = "not destroyed yet; tried again every minute"
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
    looked: Looked | None = None
    """What places said when they were asked; None: they were not yet."""
    receipted: bool = False
    """What was asked after is forgotten."""

    @property
    def is_fenced(self) -> bool:
        return self.fenced.state is Fencing.FENCED

    @property
    def is_purged(self) -> bool:
        return all(cdn.is_over for cdn in self.cdns)


def may_be_probed(row: ErasureRow, facts: Facts) -> bool:
    """Everything is gone as far as the installation and its edges say: from here on it asks."""
    is_gone = row.state.finished and facts.left == 0 and facts.is_counted and facts.is_fenced
    return is_gone and is_probed(row, facts)


def is_probed(row: ErasureRow, facts: Facts) -> bool:
    """Was something taken that can be asked after? What a call only hides is not."""
    return row.state.versions > 0 and (facts.at is None or facts.at.mode is Mode.ERASE)


def is_over(row: ErasureRow, facts: Facts) -> bool:
    """Nothing is left to do, here, at an edge or at a CDN, and each has said what it had to say: the one place that decides it."""
    is_done = row.state.finished and facts.left == 0 and facts.is_counted and facts.is_fenced and facts.is_purged
    return is_done and (not is_probed(row, facts) or _is_settled(row, facts))


def verified_at(row: ErasureRow, facts: Facts) -> float:
    """Since when every place has said so; 0: not all have."""
    if row.state.verified is not None:
        return row.state.verified.at
    if facts.looked is None or not facts.looked.is_verified:
        return 0.0
    return facts.looked.verified_at


def _is_settled(row: ErasureRow, facts: Facts) -> bool:
    return row.state.verified is not None or (facts.looked is not None and facts.looked.is_settled)


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
        "outcome": _outcome(row, facts, stage),
        **_waits(row, at, facts.held),
        "removed": {
            "versions": state.versions,
            "originals": state.originals if left else state.versions,
            "renditions": state.renditions,
            **({"gone_before": state.gone_before} if state.gone_before else {}),
        },
        "versions": list(state.shown),
        "recipients": dict(state.recipients),
        "journal": {"epoch": state.head.epoch, "seq": state.head.seq, "chain": state.head.chain},
        "key": _key_state(core, row, fenced, left, stage),
        "places": _places(core, row, facts, stage),
        **_times(row, facts),
        "bound_seconds": _bound(row, fenced, at, residuals),
        "residuals": [*residuals, *([{"place": core.search.residual}] if core.search.residual else [])],
        "failure_domains": 1,
    }


def probes_of(row: ErasureRow, facts: Facts) -> dict[str, dict[str, int | str]]:
    """What places said, by their names in the statement."""
    if row.state.verified is not None:
        return row.state.verified.probes
    looked = facts.looked
    if looked is None:
        return {}
    told = {place_names.STORE: probe_of_ciphertext(looked), place_names.EDGES: probe_of_edges(looked)}
    return told | {place_names.cdn(account): probe_of_cdn(standing) for account, standing in looked.cdns.items()}


def _places(core: Core, row: ErasureRow, facts: Facts, stage: Stage) -> list[dict[str, Any]]:
    places = [_origin_place(core, row, facts.left, stage), _edges_place(facts.fenced), *map(_cdn_place, facts.cdns)]
    probes = probes_of(row, facts)
    return [place | ({"probe": probes[place["place"]]} if place["place"] in probes else {}) for place in places]


def _times(row: ErasureRow, facts: Facts) -> dict[str, Any]:
    """`t_…`: milliseconds since the newest entry was committed; None: not so far."""
    state = row.state
    if not is_probed(row, facts) or not state.committed_at:
        return {}
    at = verified_at(row, facts) if facts.is_purged else 0.0

    def since(when: float) -> int | None:
        return max(0, round(1000 * (when - state.committed_at))) if when else None

    return {
        "times": {"t_fenced": since(state.fenced_at), "t_verified": since(at)},
        "verified_bound_seconds": 0 if at else None if state.verified else _verified_bound(facts),
    }


def _verified_bound(facts: Facts) -> int | None:
    """(t_fenced - t0) + D + min(P_c, C), as far as it is still to come; None: some place has not said what it should have, and
    nobody can tell when it will.
    """
    if facts.looked is not None and facts.looked.is_in_trouble:
        return None
    fenced = facts.fenced.seconds_left_max
    purged = max((cdn.seconds_left_max for cdn in facts.cdns), default=0.0)
    return math.ceil(fenced + purged + PROBED_SECONDS)


def _stage(row: ErasureRow, facts: Facts) -> Stage:
    looked, is_probed_ = facts.looked, is_probed(row, facts)
    outside = Outside(
        fenced=facts.is_fenced,
        purged=facts.is_purged,
        verified=not is_probed_ or bool(verified_at(row, facts)),
        settled=not is_probed_ or _is_settled(row, facts),
        troubled=is_probed_ and looked is not None and looked.is_in_trouble,
        receipted=not is_probed_ or facts.receipted,
    )
    return stage_of(
        facts.at,
        outside,
        finished=row.state.finished and facts.is_counted,
        left=facts.left,
        keys_gone=not facts.left or row.state.sealed,
    )


def _outcome(row: ErasureRow, facts: Facts, stage: Stage) -> str:
    at = facts.at
    if at is not None and at.mode is not Mode.ERASE:
        return str(stage) if stage in {Stage.RESTRICTED, Stage.UNRESTRICTED} else "partial"
    if stage is Stage.RECEIPTED and is_probed(row, facts) and not verified_at(row, facts):
        return "partial"
    outcome = _OUTCOMES.get(stage, "partial")
    return "partial" if outcome == "waiting" and row.state.versions else outcome


def _waits(row: ErasureRow, at: Standing | None, held: int) -> dict[str, Any]:
    waits = row.state.deferred
    if waits is None or at is None:
        return {}
    told = {"assets": waits.assets, "held": held}
    told |= {"grace_ends_at": int(-(-waits.grace_until // 1))} if waits.grace_until else {}
    if waits.approve_until:
        lately = {"erased_unapproved": waits.lately, "erased_unapproved_by_key": waits.lately_by_key}
        told |= {"approval_ends_at": int(waits.approve_until), **lately}
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
    keyring = core.keyring
    if not row.state.versions and not (left and row.state.gone_before):
        said = _NOTHING_LEFT if stage is Stage.RECEIPTED else _KEPT
    elif left and not row.state.sealed:
        said = key_state_locked(keyring.locked_until) if keyring.locked_until else _NOT_YET
    elif fenced.state is Fencing.FENCED:
        said = key_state(keyring.root_kind, [(one.kind, one.until) for one in keyring.past_roots])
    else:
        said = KEY_STATE_WAITING
    now = keyring.root_number
    return {
        "class": keyring.root_kind,
        "state": said,
        "root_before": row.state.root_before or now,
        "root_after": row.state.root_after or now,
    }


def _origin_place(core: Core, row: ErasureRow, left: int, stage: Stage) -> dict[str, Any]:
    is_taken = row.state.versions or (left and row.state.gone_before) or stage is Stage.RECEIPTED
    state = ("pending" if left else "deleted") if is_taken else "kept"
    is_ours = state == "deleted" and row.state.versions
    evidence = core.blobs.evidence if is_ours else ""  # of what was done, and nothing is before it is
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

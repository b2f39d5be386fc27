"""A relayed purge, start to end: prove, place, read, scope, then one transaction, then the answer."""

from __future__ import annotations

from domicile.media.errors import MediaError, UpstreamUnavailable
from domicile.media.wire import PurgeRelay, Relayed
from domicile.service import logging
from origin.keys import Origin
from origin.purge import REASONS, Unproved, answer, check_place, claimed_key, refusal, verify
from origin.purge_order import check_scope, read_order
from origin.records import PurgeOutcome

log = logging.get()


async def relayed_purge(origin: Origin, relay: PurgeRelay) -> Relayed:
    """The answer that the edge hands back untouched."""
    try:
        outcome = await _purge(origin, relay)
    except Unproved as unproved:
        origin.metrics.purges.add(outcome=unproved.outcome)
        log.warning("purge_refused", reason=unproved.outcome)
        return refusal(unproved)
    except MediaError as refused:
        reason = REASONS.get(type(refused), "other")
        origin.metrics.purges.add(outcome=reason)
        log.warning("purge_refused", reason=reason)
        return refusal(refused)
    origin.metrics.purges.add(outcome="repeated" if outcome.repeated else "accepted")
    origin.metrics.fence_waits.add(state=str(outcome.fenced.state))
    return answer(200, _told(outcome))


async def _purge(origin: Origin, relay: PurgeRelay) -> PurgeOutcome:
    key = await origin.records.purge_key(claimed_key(relay))
    proved = verify(relay, key, now=origin.now())
    node = origin.nodes.find(relay.node)
    if node is None:
        raise UpstreamUnavailable("This node has not asked for a lease yet")
    check_place(proved, relay, node)
    order = read_order(relay.body, proved.key.tenant, node.authorities | origin.settings.delivery_hosts)
    check_scope(proved.key, order)
    return await origin.records.purge(
        proved.key.tenant,
        order.targets,
        purge_id=order.purge_id,
        digest=proved.digest,
        keyid=proved.key.keyid,
        nonce=proved.nonce,
        nonce_expires_at=float(proved.expires),
    )


def _told(outcome: PurgeOutcome) -> dict[str, object]:
    fenced = outcome.fenced
    tags = {"cdn_tags": {cdn: list(tags) for cdn, tags in outcome.cdn_tags.items()}} if outcome.cdn_tags else {}
    return {
        **tags,
        "purge_id": outcome.purge_id,
        "sequence": outcome.head.seq,
        "epoch": outcome.head.epoch,
        "state": str(fenced.state),
        "assets": outcome.assets,
        "everything": outcome.everything,
        "repeated": outcome.repeated,
        "edges": {"acked": fenced.acked, "suspended": fenced.suspended, "waiting": fenced.waiting},
        "seconds_left_max": round(fenced.seconds_left_max, 3),
    }

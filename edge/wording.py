"""How an answer with an object is worded: the same for a hot hit, an ordinary one and a miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from domicile.media.outward_tags import dated_etag, month_of
from domicile.media.raw import RAW
from edge.cache.ranges import random_boundary
from edge.deliver import Delivered
from edge.downstream import Downstream
from edge.front import Asker
from edge.lookup import Lookup
from edge.respond import Making, Manner, Reply, disposition, picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the words depend on beside the object. `wall_clock` in seconds; `boundary`: random, of parts in one body."""

    lookup: Lookup
    region: str
    wall_clock: Callable[[], float]
    downstream: Downstream = field(default_factory=Downstream)
    boundary: Callable[[], str] = random_boundary

    def etag(self, delivered: Delivered, asker: Asker) -> str:
        """The validator that this asker gets, and comes back with."""
        etag = delivered.stored.head.etag
        return dated_etag(etag, month_of(self.wall_clock())) if asker is Asker.CDN else etag

    def picture(
        self,
        delivered: Delivered,
        asker: Asker = Asker.ANYBODY,
        *,
        method: str,
        asked: Mapping[str, str],
        elapsed_seconds: float,
    ) -> Reply:
        """`asked`: the request's header fields, case-insensitive."""
        head, policy, now = delivered.stored.head, delivered.state.policy, self.wall_clock()
        left = self.downstream.share(max(0.0, delivered.leave.until - now))
        remaining = int(min(self.lookup.remaining_seconds(head, now=now), left))
        making = Making(
            tier=delivered.tier,
            was_stale=delivered.was_stale,
            collapsed=delivered.collapsed,
            stored=delivered.kept,
            remaining_seconds=remaining,
            spans=delivered.spans,
        )
        manner = Manner(
            outward=self.downstream.outward(delivered, asker, remaining_seconds=remaining, now=now),
            missing=f"Resource not found - {delivered.way.candidate.public_id}" if head.stands_in else None,
            timing_allow_origin=policy.timing_allow_origin,
            vary=delivered.way.vary,
            follows=delivered.way.follows,
            disposition=_disposition(delivered),
            region=self.region,
        )
        if asker is Asker.CDN:
            head = msgspec.structs.replace(head, etag=self.etag(delivered, asker))
        return picture(
            head,
            making,
            manner,
            method=method,
            asked=asked,
            elapsed_seconds=elapsed_seconds,
            boundary=self.boundary() if "Range" in asked else "",
        )


def _disposition(delivered: Delivered) -> str | None:
    """`fl_attachment`, with its name or the asset's; a raw file always, with its own."""
    candidate = delivered.way.candidate
    if delivered.stored.head.format == RAW:
        stem, dot, extension = candidate.public_id.rpartition("/")[2].rpartition(".")
        return disposition(stem, extension) if stem and dot else disposition(extension, "")
    if "attachment" not in candidate.transformation.flags:
        return None
    named = [part.attachment_name for part in candidate.transformation.components if part.attachment_name]
    return disposition(named[-1] if named else candidate.public_id, delivered.stored.head.format)

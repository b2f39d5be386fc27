"""How an answer with an object is worded: the same for a hot hit, an ordinary one and a miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domicile.media.freshness import outward
from domicile.media.raw import RAW
from edge.deliver import Delivered
from edge.lookup import Lookup
from edge.respond import Making, Manner, Reply, disposition, picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the words depend on beside the object. `wall_clock` in seconds."""

    lookup: Lookup
    region: str
    wall_clock: Callable[[], float]

    def picture(self, delivered: Delivered, *, method: str, asked: Mapping[str, str], elapsed_seconds: float) -> Reply:
        """`asked`: the request's header fields, case-insensitive."""
        head, policy = delivered.stored.head, delivered.state.policy
        remaining = self.lookup.remaining_seconds(head, now=self.wall_clock())
        making = Making(
            tier=delivered.tier,
            was_stale=delivered.was_stale,
            collapsed=delivered.collapsed,
            stored=delivered.kept,
            remaining_seconds=remaining,
            spans=delivered.spans,
        )
        manner = Manner(
            outward=outward(policy, public=delivered.is_public, remaining_seconds=remaining, stands_in=head.stands_in),
            missing=f"Resource not found - {delivered.way.candidate.public_id}" if head.stands_in else None,
            timing_allow_origin=policy.timing_allow_origin,
            vary=delivered.way.vary,
            follows=delivered.way.follows,
            disposition=_disposition(delivered),
            region=self.region,
        )
        return picture(head, making, manner, method=method, asked=asked, elapsed_seconds=elapsed_seconds)


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

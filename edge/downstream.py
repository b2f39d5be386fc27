"""What the caches in front may keep of an answer, and by what the CDN among them can purge it again.

A CDN is given a copy to keep only if it can be made to forget it: never more tags than it takes, and nothing that varies
where it would hand one variant to everybody. Who is not the CDN gets what he asks for and keeps it for himself, so that
outside there are no shared copies but those of the CDN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from domicile.media.cdn import CDNS, NO_CDN, Cdn
from domicile.media.freshness import Outward, outward
from domicile.media.outward_tags import TAGGED_SECONDS_MAX, month_of, tag_key, tags_of
from edge.cdn_settings import CdnSettings
from edge.deliver import Delivered
from edge.front import Asker


@dataclass(frozen=True, slots=True, kw_only=True)
class Downstream:
    """The CDN in front as this node is set up for it; `cdn` is None when none is known."""

    cdn: Cdn | None = None
    layers: int = 1
    """Caches of it in a row that start a lifetime anew."""
    keys_by_vary: bool = False
    proof_field: str = ""
    """In which it shows that it is the one, whatever listener it comes to; "" where no field does."""

    def share(self, left_seconds: float) -> float:
        """What each of the caches in a row may keep of something that ends in so long, browsers as the last of them, so that
        it ends on time in all. Without a CDN that is known, they are taken to tell each other its age.
        """
        return left_seconds if self.cdn is None else left_seconds / (self.layers + 1)

    def outward(self, delivered: Delivered, asker: Asker, *, remaining_seconds: int, now: float) -> Outward:
        """`now`: seconds of the wall clock."""
        cdn, is_kept = self.cdn, asker is not Asker.OTHER
        tags: tuple[str, ...] = ()
        if cdn is not None and asker is Asker.CDN:
            tags = self._tags(cdn, delivered, now)
            is_kept = len(tags) <= cdn.tags_max and (self.keys_by_vary or not delivered.way.vary)
            if cdn.tag_field is not None:
                remaining_seconds = min(remaining_seconds, TAGGED_SECONDS_MAX // self.layers)
        said = outward(
            delivered.state.policy,
            public=delivered.is_public,
            remaining_seconds=remaining_seconds,
            stands_in=delivered.stored.head.stands_in,
            ends=delivered.leave.until < math.inf,
            shared_layers=self.layers if is_kept else 0,
        )
        if cdn is None or asker is Asker.ANYBODY:
            return said
        if asker is Asker.OTHER:
            return replace(said, shared_fields=())
        is_tagged = is_kept and delivered.is_public and not delivered.stored.head.stands_in
        field = ((cdn.tag_field, cdn.separator.join(tags)),) if is_tagged and cdn.tag_field is not None else ()
        return replace(said, shared_fields=cdn.lifetime_fields, tags=field)

    def _tags(self, cdn: Cdn, delivered: Delivered, now: float) -> tuple[str, ...]:
        head, way = delivered.stored.head, delivered.way
        return tags_of(
            tag_key(delivered.state.name_key, cdn=cdn.name, month=month_of(now)),
            contributors=head.contributors,
            marks=head.names,
            public_ids=(way.candidate.public_id, *(layer.public_id for layer in way.layers)),
        )


def downstream_of(settings: CdnSettings) -> Downstream:
    if settings.kind == NO_CDN:
        return Downstream()
    cdn = CDNS[settings.kind]
    keys_by_vary = cdn.keys_by_vary if settings.keys_by_vary is None else settings.keys_by_vary
    return Downstream(cdn=cdn, layers=settings.layers, keys_by_vary=keys_by_vary, proof_field=settings.secret_field)

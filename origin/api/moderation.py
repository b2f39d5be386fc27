"""`moderation`: somebody shall look at what was uploaded. Only people do that here; no service is asked."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from domicile.media.errors import BadRequest
from origin.api.params import Params
from origin.records import Moderation

STATUSES = ("pending", "approved", "rejected")


def first_moderation(params: Params, *, now: float) -> tuple[Moderation, ...]:
    """Of an upload or `explicit`. Raises BadRequest for a kind that is no person."""
    kind = params.text("moderation")
    if not kind:
        return ()
    if kind != "manual":
        raise BadRequest("Invalid value for parameter moderation: only manual is supported")
    return (Moderation(kind=kind, status="pending", updated_at=now),)


def moderated(params: Params, *, now: float) -> Callable[[tuple[Moderation, ...]], tuple[Moderation, ...]]:
    """What `moderation_status` makes of what there is: the last word of the last one. Raises BadRequest, now or then."""
    status = params.text("moderation_status")
    if not status:
        return lambda before: before
    if status not in STATUSES:
        raise BadRequest(f"Invalid value for parameter moderation_status: must be {', '.join(STATUSES)}")

    def change(before: tuple[Moderation, ...]) -> tuple[Moderation, ...]:
        if not before:
            raise BadRequest("Invalid value for parameter moderation_status: the asset was not marked for moderation")
        return (*before[:-1], msgspec.structs.replace(before[-1], status=status, updated_at=now))

    return change

"""`moderation`: somebody shall look at what was uploaded. Only people do that here; no service is asked."""

from __future__ import annotations

from domicile.media.errors import BadRequest
from origin.api.params import Params
from origin.records import Moderation


def first_moderation(params: Params, *, now: float) -> tuple[Moderation, ...]:
    """Of an upload or `explicit`. Raises BadRequest for a kind that is no person."""
    kind = params.text("moderation")
    if not kind:
        return ()
    if kind != "manual":
        raise BadRequest("Invalid value for parameter moderation: only manual is supported")
    return (Moderation(kind=kind, status="pending", updated_at=now),)

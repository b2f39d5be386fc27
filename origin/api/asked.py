"""What an upload asks for, understood before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, field

from origin.api import breakpoints, eager
from origin.api.admission import Admitted
from origin.api.incoming import read_incoming
from origin.api.kinds import RAW, VIDEO, check_as_it_is
from origin.api.notices import NO_AUDIENCE, Audience, Told, told
from origin.api.params import Params
from origin.keys import Origin
from origin.renders import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One upload, but for its bytes."""

    who: Admitted
    kind: str
    """The resource type that it becomes."""
    file_name: str = field(repr=False)
    """As sent, without directories."""
    notice: Told
    incoming: Order | None
    eager: eager.Wish
    searches: tuple[breakpoints.Wanted, ...]

    @property
    def params(self) -> Params:
        return self.who.params


def asked_for(
    origin: Origin, who: Admitted, kind: str, file_name: str, request_id: str, audience: Audience = NO_AUDIENCE
) -> Asked:
    """All that is asked for, understood before anything is done. Raises BadRequest, BadTransformation, LimitExceeded."""
    params, now = who.params, origin.now()
    if kind in {RAW, VIDEO}:
        check_as_it_is(kind, params)
    limits = origin.settings.media.limits(origin.settings.upload)
    named = origin.records.named.all(who.caller.tenant.cloud)
    return Asked(
        who=who,
        kind=kind,
        file_name=file_name,
        notice=told(params, request_id=request_id, now=now, audience=audience),
        incoming=read_incoming(params, named, limits),
        eager=eager.read_wish(params, named, limits, request_id=request_id, now=now, audience=audience),
        searches=breakpoints.wanted(params, limits),
    )

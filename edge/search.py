"""Search URLs: handed to the origin, which verifies them, and answered afresh each time. No copy is kept here or downstream,
so there is nothing that a purge or an erase would have to find.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domicile.media.errors import BadSignature
from domicile.media.policy import Activity
from domicile.media.search_url import SearchUrl
from domicile.media.wire import SearchRelay
from domicile.service.gate.wire import WireClient
from edge.following import TenantState
from edge.permits import Permits
from edge.plain import Plain
from edge.respond import ALWAYS

HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "private, no-store"), *ALWAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searches:
    """Of one worker."""

    wire: WireClient
    permits: Permits
    region: str
    tenant: Callable[[str], TenantState | None]
    discover: Callable[[str], Awaitable[bool]]

    async def answer(self, asked: SearchUrl) -> Plain:
        """BadSignature (also for a cloud that is not there); OutsideRegion; BadRequest; Overloaded; UpstreamUnavailable."""
        state = self.tenant(asked.cloud)
        if state is None and await self.discover(asked.cloud):
            state = self.tenant(asked.cloud)
        if state is None:
            raise BadSignature("Invalid signature")
        self.permits.require(state, Activity.DELIVER)
        relay = SearchRelay(
            region=self.region,
            cloud=asked.cloud,
            signature=asked.signature,
            ttl=asked.ttl,
            query=asked.query,
            next_cursor=asked.next_cursor,
        )
        relayed = await self.wire.search(self.permits.require(state, Activity.METADATA), relay)
        return Plain(status=relayed.status, headers=HEADERS, body=relayed.body)

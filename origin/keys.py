"""What hangs on the applications and on a request, typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from domicile.media.signature import Digest
from domicile.service.gate.remote import RemoteClient
from domicile.service.pool import DecoderPool
from origin.api.answers import Address
from origin.api.archive_turns import ArchiveTurns
from origin.api.budget import Budget
from origin.api.limits import Limits
from origin.metrics import Metrics
from origin.nodes import Nodes
from origin.rates import Rates
from origin.records import Records, Tenant
from origin.scope import Operation
from origin.settings import OriginSettings

if TYPE_CHECKING:
    from origin.fetched import Fetched


@dataclass(slots=True, kw_only=True)
class Origin:
    """Everything that the handlers of one origin process share. `now` is the wall clock in seconds."""

    settings: OriginSettings
    records: Records
    pool: DecoderPool
    metrics: Metrics
    now: Callable[[], float]
    budget: Budget
    limits: Limits
    remote: RemoteClient
    webhooks: RemoteClient
    """For notices alone: slow receivers keep no fetch waiting."""
    unsigned_rates: Rates
    archives: ArchiveTurns
    nodes: Nodes = field(default_factory=Nodes)
    fetched: Fetched = field(init=False)
    """Set once, right after this."""
    eager_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call has left renditions to be made."""
    draining: bool = False
    running: int = 0
    """API requests that are being answered."""

    def address_of(self, tenant: Tenant, digest: Digest = Digest.SHA1) -> Address:
        """As the calling key sees it. One that may not look gets no signed URLs either."""
        return Address(
            signs_urls=tenant.scope.allows(Operation.READ),
            base=self.settings.delivery_base,
            secure_base=self.settings.secure_base,
            api_secret=tenant.api_secret,
            digest=digest,
        )


ORIGIN = web.AppKey("origin", Origin)
ROUTE = web.RequestKey("route", str)
"""Template of the route that a request took: the metric's label."""
EXTRA_HEADERS = web.RequestKey("extra_headers", dict[str, str])
"""Headers that the answer carries, whatever it is."""
REQUEST_ID = web.RequestKey("request_id", str)

"""What workers made, told to the origin: bounded, in batches, best effort. Nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Permit, Place, PolicyError, decide
from domicile.media.policy_file import from_mapping
from domicile.media.wire import Rendition, RenditionReport
from domicile.service.gate.wire import WireClient
from edge.node import Node, Wake

WAITING_MAX = 4096
BATCH_MAX = 256
PAUSE_SECONDS = 0.5
"""Between two batches, so that many small ones become few."""

log = structlog.get_logger("edge.reports")


class Reports:
    """Renditions that wait to be told."""

    def __init__(
        self, node: Node, wire: WireClient, *, node_id: str, place: Place, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._node = node
        self._wire = wire
        self._node_id = node_id
        self._place = place
        self._wall_clock = wall_clock
        self._waiting: deque[Rendition] = deque()
        self._wake = Wake()
        self.dropped = 0

    def add(self, renditions: tuple[Rendition, ...]) -> None:
        """Queue them; what does not fit is dropped and counted."""
        room = WAITING_MAX - len(self._waiting)
        self._waiting.extend(renditions[:room])
        self.dropped += max(0, len(renditions) - room)
        self._wake()

    async def run(self) -> None:
        """Send batches until cancelled."""
        while True:
            await self._wake.wait()
            while self._waiting:
                await asyncio.sleep(PAUSE_SECONDS)
                await self._send(self._batch())

    def _batch(self) -> tuple[Rendition, ...]:
        """The next ones of one tenant: a permit is for one."""
        tenant = self._waiting[0].tenant
        batch: list[Rendition] = []
        while self._waiting and len(batch) < BATCH_MAX and self._waiting[0].tenant == tenant:
            batch.append(self._waiting.popleft())
        return tuple(batch)

    async def _send(self, batch: tuple[Rendition, ...]) -> None:
        permit = self._permit(batch[0].tenant)
        if permit is None:
            self.dropped += len(batch)
            return
        try:
            await self._wire.renditions(permit, RenditionReport(node=self._node_id, renditions=batch))
        except MediaError as failed:
            self.dropped += len(batch)
            log.info("renditions_not_reported", count=len(batch), reason=type(failed).__name__)

    def _permit(self, tenant: str) -> Permit | None:
        return permit_to_tell(self._node, tenant, self._place, at=self._wall_clock())


def permit_to_tell(node: Node, tenant: str, place: Place, *, at: float) -> Permit | None:
    """To tell the origin what is known of a tenant's assets here; None without a lease, or where the policy denies it."""
    known = node.tenants.get(tenant)
    if known is None or known.grant is None:
        return None
    try:
        policy = from_mapping(known.grant.policy, home=known.grant.home)
    except PolicyError:
        return None
    decided = decide(policy, Activity.METADATA, place, at=at)
    return decided if isinstance(decided, Permit) else None

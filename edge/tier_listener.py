"""Both ends of a tier in a worker: the listener for children, and the client that asks the parent."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from domicile.service.gate.tier import TierClient, client_tls
from domicile.service.settings import blamed
from domicile.service.tls import NO_PASSWORD
from edge.bounds import bounds_between_workers
from edge.child_door import ChildDoor
from edge.entrance import Entrance, entrance
from edge.listener import Listener
from edge.parts import Parts
from edge.settings import EdgeSettings
from edge.sockets import TIER, Sockets
from edge.tier_settings import TierSettings


@asynccontextmanager
async def tier_entrances(
    settings: EdgeSettings, slot: int, parts: Parts, sockets: Sockets
) -> AsyncIterator[tuple[Entrance, ...]]:
    """Where children are answered; nowhere if no listener is set. Raises BadSetting."""
    if settings.tier.listen is None:
        yield ()
        return
    app = parts.app
    door = ChildDoor(
        deliverer=app.deliverer,
        responses=app.responses,
        counters=app.counters,
        region=settings.region,
        requests_max=app.requests_max,
        in_progress=app.in_progress,
        progress_seconds_max=settings.delivery.progress_seconds_max,
        wall_clock=time.time,
    )
    listener = Listener(
        door.handle, counters=app.counters, region=settings.region, bounds=bounds_between_workers(settings)
    )
    async with entrance(listener, server_tls(settings.tier)) as opened:
        await opened.open(sockets.by_entrance[TIER], slot)
        yield (opened,)


def parent_client(settings: EdgeSettings) -> AbstractAsyncContextManager[TierClient | None]:
    """Raises BadSetting for files that cannot be used."""
    own = settings.tier
    if own.parent is None or own.parent_region is None:
        return nullcontext()
    with blamed("edge.tier.certificate_file", own.certificate_file, "PEM files, as are ca_file and key_file"):
        tls = client_tls(
            ca_file=str(own.ca_file),
            certificate_file=str(own.certificate_file),
            key_file=None if own.key_file is None else str(own.key_file),
        )
    return TierClient.open(
        own.parent,
        region=settings.region,
        parent_region=own.parent_region,
        tls=tls,
        connect_seconds_max=own.connect_seconds_max,
        answer_seconds_max=own.answer_seconds_max,
        connections_max=own.connections_max,
    )


def server_tls(settings: TierSettings) -> ssl.SSLContext:
    """TLS 1.3, and a certificate of our authority from everybody. Raises BadSetting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    with blamed("edge.tier.certificate_file", settings.certificate_file, "PEM files, as are ca_file and key_file"):
        context.load_cert_chain(str(settings.certificate_file), settings.key_file, NO_PASSWORD)
        context.load_verify_locations(settings.ca_file)
    return context

"""The CDN's own listener: TLS where a certificate is set, and client certificates of one authority where that is."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domicile.service.settings import blamed
from domicile.service.tls import server_context
from edge.bounds import bounds_of_one
from edge.cdn_settings import CdnSettings
from edge.entrance import Entrance, entrance
from edge.listener import Listener
from edge.parts import Parts
from edge.settings import EdgeSettings
from edge.sockets import CDN, Sockets


@asynccontextmanager
async def cdn_entrances(
    settings: EdgeSettings, slot: int, parts: Parts, sockets: Sockets
) -> AsyncIterator[tuple[Entrance, ...]]:
    """None where none is set. Raises BadSetting."""
    app = parts.cdn_app
    if app is None or settings.cdn.listen is None:
        yield ()
        return
    listener = Listener(
        app.handle,
        hot=app.hot,
        front=app.front,
        counters=app.counters,
        region=settings.region,
        bounds=bounds_of_one(settings),
    )
    async with entrance(listener, tls_context(settings.cdn)) as opened:
        await opened.open(sockets.by_entrance[CDN], slot)
        yield (opened,)


def tls_context(settings: CdnSettings) -> ssl.SSLContext | None:
    """None: no TLS. Raises BadSetting for files that cannot be used."""
    if settings.certificate_file is None:
        return None
    context = server_context(settings.certificate_file, settings.key_file, setting="edge.cdn.certificate_file")
    if settings.client_ca_file is not None:
        with blamed("edge.cdn.client_ca_file", settings.client_ca_file, "a PEM file"):
            context.load_verify_locations(settings.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

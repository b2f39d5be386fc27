"""The CDN's own listener: TLS where a certificate is set, and client certificates of one authority where that is."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from domicile.service.settings import blamed
from edge.bounds import bounds_of
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
        bounds=replace(bounds_of(settings), per_address_max=0),  # all of them are the CDN's
    )
    async with entrance(listener, tls_context(settings.cdn)) as opened:
        await opened.open(sockets.by_entrance[CDN], slot)
        yield (opened,)


def tls_context(settings: CdnSettings) -> ssl.SSLContext | None:
    """None: no TLS. Raises BadSetting for files that cannot be used."""
    if settings.certificate_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with blamed("edge.cdn.certificate_file", settings.certificate_file, "PEM files, as is key_file"):
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    if settings.client_ca_file is not None:
        with blamed("edge.cdn.client_ca_file", settings.client_ca_file, "a PEM file"):
            context.load_verify_locations(settings.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

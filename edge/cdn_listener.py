"""The CDN's own listener: TLS where a certificate is set, and client certificates of one authority where that is."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from domicile.service.settings import blamed
from edge.cdn_settings import CdnSettings
from edge.listener import BACKLOG, Listener
from edge.parts import Parts
from edge.settings import EdgeSettings


@asynccontextmanager
async def cdn_listening(settings: EdgeSettings, parts: Parts) -> AsyncIterator[None]:
    """Nothing happens where none is set. Raises BadSetting."""
    app, own = parts.cdn_app, settings.cdn
    if app is None or own.listen is None:
        yield
        return
    delivery, drain_seconds = settings.delivery, settings.node.drain_seconds_max
    listener = Listener(
        app.handle,
        hot=app.hot,
        front=app.front,
        counters=app.counters,
        region=settings.region,
        keepalive_seconds=delivery.keepalive_seconds,
        connections_max=delivery.connections_max,
        progress_seconds_max=delivery.progress_seconds_max,
        write_buffer_bytes_max=delivery.write_buffer_bytes_max,
    )
    runner = web.ServerRunner(listener, shutdown_timeout=drain_seconds)
    context = tls_context(own)
    await runner.setup()
    try:
        host, _, port = own.listen.rpartition(":")
        with blamed("edge.cdn.listen", own.listen, "an address that can be listened on"):
            await web.TCPSite(
                runner, host.strip("[]"), int(port), ssl_context=context, reuse_port=True, backlog=BACKLOG
            ).start()
        yield
    finally:
        await runner.cleanup()
        await listener.left(drain_seconds)


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

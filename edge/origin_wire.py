"""The connection to the origin, as the node's settings have it: the agent's and each worker's."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from domicile.service.gate.wire import ClientCertificate, WireClient, WireLimits
from edge.settings import EdgeSettings


def origin_wire(settings: EdgeSettings) -> AbstractAsyncContextManager[WireClient]:
    """Not connected yet; closed at the end of the block."""
    origin = settings.origin
    return WireClient.open(
        origin.base,
        region=settings.region,
        limits=WireLimits(
            connect_seconds_max=origin.connect_seconds_max,
            read_seconds_max=origin.read_seconds_max,
            connections_max=origin.connections_max,
        ),
        certificate=ClientCertificate(
            ca_file=origin.ca_file,
            certificate_file=origin.certificate_file,
            key_file=origin.key_file,
            key_password=origin.key_password,
        ),
    )

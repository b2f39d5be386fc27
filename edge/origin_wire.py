"""The connection to the origin, as the node's settings have it: the agent's and each worker's."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from domicile.service.gate.wire import ClientCertificate, WireClient, WireLimits
from edge.settings import EdgeSettings, OriginSettings


def origin_wire(settings: EdgeSettings) -> AbstractAsyncContextManager[WireClient]:
    """Not connected yet; closed at the end of the block."""
    origin = settings.origin
    return WireClient.open(
        origin.base, region=settings.region, limits=_limits(origin), certificate=_certificate(origin)
    )


async def renew(wire: WireClient, settings: EdgeSettings) -> None:
    """As other settings have it from now on. Raises BadSetting: nothing was changed."""
    origin = settings.origin
    await wire.renew(origin.base, region=settings.region, limits=_limits(origin), certificate=_certificate(origin))


def _limits(origin: OriginSettings) -> WireLimits:
    return WireLimits(
        connect_seconds_max=origin.connect_seconds_max,
        read_seconds_max=origin.read_seconds_max,
        connections_max=origin.connections_max,
    )


def _certificate(origin: OriginSettings) -> ClientCertificate:
    return ClientCertificate(
        ca_file=origin.ca_file,
        certificate_file=origin.certificate_file,
        key_file=origin.key_file,
        key_password=origin.key_password,
    )

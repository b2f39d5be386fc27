"""What a listener bounds on each of its connections, as one value: made of the settings, or for the sockets between workers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domicile.service.networks import Network, read_networks
from edge.settings import EdgeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """See the settings of the same names, under `edge.connections` and `edge.delivery`."""

    keepalive_seconds: float
    connections_max: int
    progress_seconds_max: float
    write_buffer_bytes_max: int
    header_seconds_max: float
    requests_max: int
    per_address_max: int
    handshakes_max: int
    handshakes_per_address_max: int
    trusted: tuple[Network, ...]


def bounds_of(settings: EdgeSettings) -> Bounds:
    """For viewers."""
    delivery, own = settings.delivery, settings.connections
    return Bounds(
        keepalive_seconds=delivery.keepalive_seconds,
        connections_max=delivery.connections_max,
        progress_seconds_max=delivery.progress_seconds_max,
        write_buffer_bytes_max=delivery.write_buffer_bytes_max,
        header_seconds_max=own.header_seconds_max,
        requests_max=own.requests_max,
        per_address_max=own.per_address_max,
        handshakes_max=own.handshakes_max,
        handshakes_per_address_max=own.handshakes_per_address_max,
        trusted=read_networks(own.trusted_networks),
    )


def bounds_between_workers(settings: EdgeSettings) -> Bounds:
    """And between nodes: these connections are few, ours, and closed by who asked."""
    return replace(bounds_of_one(settings), requests_max=10**12)


def bounds_of_one(settings: EdgeSettings) -> Bounds:
    """For a listener whose connections are all of one party, wherever they come from."""
    return replace(bounds_of(settings), per_address_max=0, handshakes_per_address_max=0)

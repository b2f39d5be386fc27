"""What can be set about viewers' connections, media and passthrough alike; `edge.settings` composes it under `edge.connections`."""

from __future__ import annotations

import dataclasses

from domicile.service.networks import NETWORKS_LIKE, are_networks
from domicile.service.settings import setting


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """Of each worker."""

    header_seconds_max: float = setting(
        10.0,
        "Longest time from the first byte of a request to the end of its head; then it gets 408. Also of a TLS handshake.",
        at_least=0.1,
    )
    requests_max: int = setting(
        10_000, "Requests on one connection; the answer to the last one says that it is closed.", at_least=1
    )
    per_address_max: int = setting(
        1024,
        "Connections of one client address to one worker, of one /64 for IPv6; more are closed at once. 0 for no limit."
        " Addresses are held as keyed hashes, in memory, while they are connected.",
        at_least=0,
    )
    handshakes_max: int = setting(
        256, "TLS handshakes under way at a listener; connections beyond them are closed at once.", at_least=1
    )
    handshakes_per_address_max: int = setting(
        32,
        "TLS handshakes under way of one client address, of one /64 for IPv6; more are closed at once. 0 for no limit.",
        at_least=0,
    )
    trusted_networks: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1/128"),
        "Networks of the proxies and CDNs in front of this node. Their connections are those of many viewers, and not counted by"
        " address. No field of theirs is believed: nothing here asks who the viewer is.",
        check=are_networks,
        like=NETWORKS_LIKE,
    )

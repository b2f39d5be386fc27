"""What can be set about the passthrough; `edge.settings` composes it under `edge.passthrough`."""

from __future__ import annotations

import dataclasses
import re

from domicile.service.settings import GIB, MIB, setting

_ROUTE = re.compile(
    r"((?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):([0-9]{1,5}))=(https?://(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::([0-9]{1,5}))?)/?"
)
PORT_MAX = 65535
ROUTES_MAX = 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One listening address and the origin behind it."""

    host: str
    port: int
    base: str
    """`http://HOST[:PORT]` or `https://HOST[:PORT]`."""


def read_route(text: str) -> Route | None:
    """HOST:PORT=http://ORIGIN, or None when it is not."""
    match = _ROUTE.fullmatch(text)
    if match is None or not 0 < int(match[2]) <= PORT_MAX or int(match[4] or 1) > PORT_MAX:
        return None
    return Route(host=match[1].rpartition(":")[0].strip("[]"), port=int(match[2]), base=match[3])


def _are_routes(texts: tuple[str, ...]) -> bool:
    found = [read_route(text) for text in texts]
    addresses = {(one.host, one.port) for one in found if one is not None}
    return None not in found and len(addresses) == len(found) <= ROUTES_MAX


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PassthroughSettings:
    """A general HTTP cache beside the media listener, for assets without personal data."""

    routes: tuple[str, ...] = setting(
        (),
        "HOST:PORT=http://ORIGIN: listening addresses and the origins behind them, whose content the operator states not to"
        " be personal. Empty: none.",
        check=_are_routes,
        like=f"up to {ROUTES_MAX} texts like 127.0.0.1:8090=http://assets.internal:9000, each with an address of its own",
    )
    ram_bytes_max: int = setting(64 * MIB, "Bytes of stored responses of the node, heads included.", at_least=0)
    object_bytes_max: int = setting(
        8 * MIB, "Largest body that is stored in memory; larger ones go to the disk.", at_least=0
    )
    disk_bytes_max: int = setting(
        GIB,
        "Bytes of bodies that the node keeps on its disk because they are too large for memory: sealed, without a name,"
        " gone when it stops. 0 keeps none there.",
        at_least=0,
    )
    disk_object_bytes_max: int = setting(
        256 * MIB, "Largest body that is kept on the disk; larger ones are passed on as they come.", at_least=0
    )
    variants_max: int = setting(32, "Stored responses of one URL that differ by Vary; the oldest goes.", at_least=1)
    fills_max: int = setting(
        128,
        "Responses of one route that one worker takes in at a time; the next request gets 503.",
        at_least=1,
        at_most=200,
    )
    fill_bytes_max: int = setting(
        64 * MIB,
        "Bytes of responses being taken in that one worker holds in memory; beyond them, bodies go to the disk.",
        at_least=0,
    )
    fill_seconds_max: float = setting(
        600.0,
        "A body that takes longer than this to come in is passed on and not stored; if nobody reads it, it is given up.",
        at_least=0.01,
    )
    answer_seconds_max: float = setting(
        3600.0,
        "Longest time of one answer of the origin, to its last byte, whoever reads it; then it is cut off.",
        at_least=0.01,
    )
    connections_max: int = setting(256, "Connections of one worker to one origin.", at_least=1, at_most=4096)
    connect_seconds_max: float = setting(2.0, "Longest wait for a connection to the origin.", at_least=0.01)
    read_seconds_max: float = setting(30.0, "Longest wait for the next bytes of an answer.", at_least=0.01)
    idle_seconds_max: float = setting(
        3.0,
        "An unused connection to the origin is closed after this long, or earlier if the origin says so.",
        at_least=0.0,
    )
    request_body_bytes_max: int = setting(16 * MIB, "Largest body of a request; larger ones get 413.", at_least=0)
    request_body_seconds_max: float = setting(
        300.0, "Longest time that the body of a request may take; then it gets 408.", at_least=0.01
    )
    heuristic_fraction: float = setting(
        0.1,
        "Share of the time since Last-Modified that a response without a lifetime is taken to be fresh; 0 for never.",
        at_least=0.0,
        at_most=1.0,
    )
    disconnected_seconds_max: float = setting(
        0.0,
        "How long after its lifetime a response may be served while its origin cannot be reached, unless it forbids that;"
        " without this, only as long as the response itself says (stale-if-error).",
        at_least=0.0,
    )
    unshared_seconds: float = setting(
        10.0,
        "How long requests for a URL whose answer could not be shared are sent on side by side, without waiting.",
        at_least=0.0,
        at_most=120.0,
    )
    heeds_requests: bool = setting(
        True, "Whether Cache-Control and Pragma of viewers count: no-cache, max-age, only-if-cached and the like."
    )

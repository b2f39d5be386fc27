"""Networks that an operator names in settings, and which of them a connection comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from domicile.media.addresses import PRIVATE

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NETWORKS_LIKE = "networks without host bits, like 192.0.2.0/24 or 2001:db8::/32"
INSIDE = tuple(map(str, PRIVATE))
"""This machine and private networks (RFC 1918, RFC 4193)."""

_PASSED_ON = frozenset({"via", "forwarded", "x-forwarded-for", "cdn-loop"})
"""Fields that proxies add: RFC 9110 7.6.3, RFC 7239, a custom older than that, RFC 8586."""


def read_network(text: str) -> Network | None:
    """`192.0.2.0/24`, `2001:db8::/32` or one address; None when it is no network."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def are_networks(texts: Iterable[str]) -> bool:
    return all(read_network(text) is not None for text in texts)


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Of a setting that `are_networks` has checked."""
    return tuple(network for text in texts if (network := read_network(text)) is not None)


def address_of(host: str) -> Address:
    """As the kernel writes it, with a zone perhaps; an IPv4 address that came mapped is one. Raises ValueError."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def is_this_machine(host: str) -> bool:
    """Of a URL: does it mean the machine itself, so that what is said to it crosses no network?"""
    try:
        return address_of(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_within(host: str | None, networks: Iterable[Network]) -> bool:
    """Does the other end of a connection stand in one of them? A UNIX socket has no address, and stands in all."""
    if not host:
        return True
    try:
        address = address_of(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def may_scrape(host: str | None, fields: Collection[str], networks: Iterable[Network]) -> bool:
    """May who asks read the metrics? From a network for that, and not through a proxy, which asks for anybody.

    `fields`: the names of the request's header fields.
    """
    return is_within(host, networks) and _PASSED_ON.isdisjoint(name.lower() for name in fields)

"""May a server of ours connect to this address on behalf of somebody else? Only to the public internet.

What is not public: the special-purpose ranges of IANA (RFC 6890 and its registries), multicast, and IPv6 addresses that
carry an IPv4 address which is not: mapped, compatible, 6to4, NAT64, Teredo, ISATAP. The table is ours, because that of the
standard library differs between the versions of Python that we run on.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network: some systems take it for themselves
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own, and metadata of some clouds
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: metadata of most clouds
        "168.63.129.16/32",  # Azure's, of every virtual machine there: public by its number alone
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
"""The only IPv6 addresses that are given out to the internet; the rest of the space is closed as a whole."""
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols of the IETF, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: a tunnel to whatever it names
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_METADATA_6 = (IPv6Network("fd00:ec2::/32"), IPv6Network("fd20:ce::/32"))
"""Of AWS and Google, among the private addresses."""
PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")) + tuple(
    IPv6Network(text) for text in ("::1/128", "fc00::/7")
)


def is_public(address: Address) -> bool:
    """Is it an address of the public internet?

    >>> is_public(ip_address("93.184.215.14")), is_public(ip_address("::ffff:127.0.0.1"))
    (True, False)
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    carries = (int(address) >> 32) & 0xFFFFFFFF
    if carries in _ISATAP:
        return False
    return not any(address in network for network in _CLOSED_6)


def is_private(address: Address) -> bool:
    """Is it this machine or a private network? What an operator may open host by host; what clouds keep metadata at never is."""
    if isinstance(address, IPv6Address) and any(address in network for network in _METADATA_6):
        return False
    return any(address.version == network.version and address in network for network in PRIVATE)


def may_connect(text: str, *, private: bool = False) -> bool:
    """`text`: an address as a resolver or a socket gives it. What is no address may not be connected to."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return is_public(address) or (private and is_private(address))

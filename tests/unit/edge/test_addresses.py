"""Connections by client: counted without anything that says who it is."""

from __future__ import annotations

import ipaddress

import pytest

from edge.addresses import Addresses

KEY = b"k" * 32


def addresses(per_address_max: int = 2, *trusted: str) -> Addresses:
    return Addresses(per_address_max=per_address_max, trusted=map(ipaddress.ip_network, trusted), key=KEY)


def test_one_client_has_so_many_and_another_its_own() -> None:
    own = addresses(2)
    first, second = own.enter("192.0.2.1"), own.enter("192.0.2.1")
    assert first is not None
    assert first == second
    assert own.enter("192.0.2.1") is None
    assert own.enter("192.0.2.2")
    own.leave(first)
    assert own.enter("192.0.2.1") == first


@pytest.mark.parametrize(
    ("one", "other", "are_the_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_client_is_an_address_or_a_64(one: str, other: str, are_the_same: bool) -> None:
    own = addresses(9)
    assert (own.enter(one) == own.enter(other)) is are_the_same


def test_proxies_are_many_clients() -> None:
    own = addresses(1, "10.0.0.0/8", "2001:db8::/32")
    for host in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"):
        assert [own.enter(host) for _ in range(3)] == [b"", b"", b""]
    assert [own.enter("11.0.0.1") is None for _ in range(2)] == [False, True]


def test_nothing_is_left_of_a_client_that_is_gone_and_nothing_says_who_is_there() -> None:
    own = addresses(2)
    client = own.enter("192.0.2.1")
    assert client is not None
    assert len(client) == 8
    assert ipaddress.ip_address("192.0.2.1").packed not in client
    assert Addresses(per_address_max=2, trusted=(), key=b"x" * 32).enter("192.0.2.1") != client
    own.leave(client)
    assert (len(own), own._open) == (0, {})


def test_without_a_limit_or_an_address_nothing_is_counted() -> None:
    assert [addresses(0).enter("192.0.2.1"), addresses(1).enter(None), addresses(1).enter("")] == [b"", b"", b""]

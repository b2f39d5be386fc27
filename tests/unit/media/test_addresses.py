"""Which addresses are of the public internet, by example and against the standard library."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.addresses import is_private, is_public, may_connect

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.1 192.0.0.192 192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:0:53aa:64c::1
2001:db8::1 2002:7f00:1::1 2002:808:808::1 2001:4860::5efe:7f00:1 2001:4860::200:5efe:a00:1 fc00::1 fd00:ec2::254 fe80::1 fec0::1
168.63.129.16 ff02::1 3fff::1 5f00::1 4000::1 fe80::1%eth0
""".split()
OPEN = "1.1.1.1 8.8.8.8 93.184.215.14 172.32.0.1 100.128.0.1 2606:4700::1111 2001:4860:4860::8888 2a00:1450:4001::5e".split()


@pytest.mark.parametrize("text", CLOSED)
def test_no_special_address_is_public_however_it_is_carried(text: str) -> None:
    assert not may_connect(text)


@pytest.mark.parametrize("text", OPEN)
def test_addresses_of_the_internet_are_public(text: str) -> None:
    assert may_connect(text)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_special(address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1"])
def test_an_operator_may_open_private_networks_and_this_machine(text: str) -> None:
    assert may_connect(text, private=True)


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "0.0.0.0",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:127.0.0.1",
        "x",
        "",
    ],
)
def test_metadata_and_disguises_stay_closed_even_then(text: str) -> None:
    assert not may_connect(text, private=True)
    assert text in {"x", ""} or not is_private(ip_address(text))

"""Which networks a connection comes from, and who may read the metrics."""

from __future__ import annotations

import pytest

from domicile.service.networks import INSIDE, are_networks, is_within, may_scrape, read_network, read_networks


@pytest.mark.parametrize("text", ["192.0.2.1/24", "x", "", "1.2.3.4/33", "::1/129"])
def test_what_is_no_network_is_not_read(text: str) -> None:
    assert read_network(text) is None
    assert not are_networks(("192.0.2.0/24", text))


@pytest.mark.parametrize(
    ("host", "within"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:10.0.0.1", True),
        ("172.31.255.255", True),
        ("fd00::1%eth0", True),
        ("", True),
        (None, True),
        ("172.32.0.1", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("fe80::1%eth0", False),
        ("nonsense", False),
    ],
)
def test_this_machine_and_private_networks_are_inside(host: str | None, within: bool) -> None:
    assert is_within(host, read_networks(INSIDE)) is within


@pytest.mark.parametrize("field", ["Via", "X-Forwarded-For", "forwarded", "CDN-Loop"])
def test_who_asks_for_somebody_else_may_not_read_the_metrics(field: str) -> None:
    networks = read_networks(("127.0.0.0/8",))
    assert may_scrape("127.0.0.1", ["Host", "Accept"], networks)
    assert not may_scrape("127.0.0.1", ["Host", field], networks)
    assert not may_scrape("192.0.2.1", ["Host"], networks)

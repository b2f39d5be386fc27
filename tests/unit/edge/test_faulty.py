"""What is no request of HTTP/1: over sockets in tests/integration/test_smuggling.py."""

from __future__ import annotations

import pytest

from edge.faulty import is_faulty

HOST = (b"Host", b"x.example:80")
CODING = (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize("host", [b"x", b"x.example:80", b"[::1]:80", b""])
def test_one_host_that_can_be_one_is_well(host: bytes) -> None:
    assert not is_faulty((1, 1), [(b"host", host), CODING])


@pytest.mark.parametrize("host", [b"x y", b"x/y", b"x@y", b"x\x00", b"[::1", b"x:port"])
def test_a_host_that_cannot_be_one_is_faulty_in_every_version(host: bytes) -> None:
    assert is_faulty((1, 1), [(b"Host", host)])
    assert is_faulty((1, 0), [(b"Host", host)])


def test_without_a_host_or_with_two_only_an_old_request_without_any_is_well() -> None:
    assert is_faulty((1, 1), [])
    assert is_faulty((1, 1), [HOST, HOST])
    assert is_faulty((1, 0), [HOST, HOST])
    assert not is_faulty((1, 0), [])


def test_a_transfer_coding_below_http_1_1_is_faulty() -> None:
    assert is_faulty((1, 0), [HOST, CODING])
    assert not is_faulty((1, 0), [HOST])

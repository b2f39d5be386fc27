"""Addresses of pictures elsewhere, as text: who is asked, and is he listed?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.errors import BadRequest
from domicile.media.remote import decode_remote, encode_remote, is_listed, read_address, read_entry, redirected


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("https://Images.Example.org/a.jpg", "images.example.org", 443),
        ("http://example.org:8080/a b.jpg?q=1#x", "example.org", 8080),
        ("https://example.org./x", "example.org", 443),
        ("https://b\u00fccher.example/x", "xn--bcher-kva.example", 443),
        ("http://93.184.215.14/x", "93.184.215.14", 80),
        ("http://[2606:4700::1111]/x", "2606:4700::1111", 80),
    ],
)
def test_who_is_asked(text: str, host: str, port: int) -> None:
    address = read_address(text)
    assert (address.host, address.port, address.url.fragment) == (host, port, "")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org",
        "//example.org/x",
        "https:example.org",
        "https://",
        "https:///x",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://example.org@evil.test/",
        "https://:@example.org/",
        "https://example.org\\@evil.test/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://017700000001/",
        "https://1.2.3.4.5/",
        "https://[::1%25lo]/",
        "https://exa mple.org/",
        "https://example.org/\n",
        "https://\u2024/",
        "https://-x.example/",
        "https://" + "a" * 3000,
        "",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_address(text)


@pytest.mark.parametrize(
    "address, entry, listed",
    [
        ("https://example.org/x", "example.org", True),
        ("http://example.org/x", "example.org", True),
        ("https://EXAMPLE.org/x", "Example.org", True),
        ("https://example.org:8443/x", "example.org", False),
        ("https://example.org:8443/x", "example.org:8443", True),
        ("https://example.org/x", "example.org:8443", False),
        ("https://a.example.org/x", "example.org", False),
        ("https://a.example.org/x", "*.example.org", True),
        ("https://a.b.example.org/x", "*.example.org", True),
        ("https://example.org/x", "*.example.org", False),
        ("https://evilexample.org/x", "*.example.org", False),
        ("https://example.org.evil.test/x", "example.org", False),
        ("https://127.0.0.1/x", "127.0.0.1", True),
        ("https://127.0.0.1/x", "*.0.0.1", False),
        ("https://[::1]/x", "[::1]", True),
    ],
)
def test_only_listed_hosts_and_ports_are_covered(address: str, entry: str, listed: bool) -> None:
    assert is_listed(read_address(address), ["other.test", entry]) is listed


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "https://x.org", "x.org/", "x.org:0", "x.org:99999", "a b", "*.10.0.0.1", "*x.org"]
)
def test_what_is_no_entry_of_a_list_is_none(text: str) -> None:
    assert read_entry(text) is None


def test_a_redirect_is_an_address_like_any_other_and_never_leaves_https() -> None:
    start = read_address("https://example.org/a/b.jpg")
    assert str(redirected(start, "../c.jpg").url) == "https://example.org/c.jpg"
    assert redirected(start, "//other.test/x").host == "other.test"
    for location in (
        "http://example.org/x",
        "file:///etc/passwd",
        "https://u:p@example.org/",
        "gopher://x",
        "https://[",
        "",
    ):
        if location:
            with pytest.raises(BadRequest):
                redirected(start, location)
    assert redirected(read_address("http://example.org/"), "https://example.org/x").scheme == "https"


@given(st.text(max_size=60))
def test_an_address_in_base64_is_written_in_one_way_and_read_back(tail: str) -> None:
    address = "https://example.org/" + tail.encode("utf-8", "ignore").decode()
    assert decode_remote(encode_remote(address)) == address


@pytest.mark.parametrize("text", ["", "!", "aHR0cA", "aHR0cHM6Ly94Lm9yZy9h/", "ZnRwOi8veC5vcmcv", "_____w"])
def test_what_is_no_address_in_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_remote(text)

"""Addresses of pictures elsewhere: what may be fetched, by its text alone. Where its name leads is judged on connecting.

    address = ( "http://" / "https://" ) host [ ":" port ] [ path ] [ "?" query ]

Nobody's credentials are in it, nothing but a name or a plain IP address is its host, and the host is one that the
cloud's policy lists:

    entry   = [ "*." ] host [ ":" port ]      ; "*." is every name below it, and not the name itself; without a port the
                                              ; scheme's own

Names are compared whole, after IDNA: "example.com.evil.org" and "example.com@evil.org" are evil.org.
Source: RFC 3986; WHATWG URL 3.5 (hosts that end in a number); peers-and-attacks 21 to 25.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from yarl import URL

from domicile.media.errors import BadRequest

ADDRESS_CHARS_MAX = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_ENTRY = re.compile(r"(\*\.)?([^:/?#@*\s\[\]]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?")
_BASE64 = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAddress:
    """What is asked for, and of whom."""

    url: URL
    host: str
    """Lower case, ASCII; an IPv6 address without brackets."""
    port: int
    is_literal: bool
    """Is the host an IP address?"""

    @property
    def scheme(self) -> str:
        return self.url.scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """One line of a list of hosts."""

    host: str
    below: bool
    port: int | None

    def covers(self, address: RemoteAddress) -> bool:
        port = DEFAULT_PORTS[address.scheme] if self.port is None else self.port
        if address.port != port:
            return False
        if not self.below:
            return address.host == self.host
        return not address.is_literal and address.host.endswith("." + self.host)


def read_address(text: str) -> RemoteAddress:
    """Raises BadRequest, in words for whoever sent it."""
    if len(text) > ADDRESS_CHARS_MAX:
        raise BadRequest(f"Invalid URL - longer than {ADDRESS_CHARS_MAX} characters")
    if _UNSAFE.search(text):
        raise BadRequest("Invalid URL - contains a character that is not allowed")
    try:
        url = URL(text).with_fragment(None)
        host, port = url.host, url.port
    except (ValueError, TypeError) as bad:
        raise BadRequest("Invalid URL - cannot be read") from bad
    if url.scheme not in DEFAULT_PORTS or not host or port is None or port == 0:
        raise BadRequest("Invalid URL - only http and https addresses can be fetched")
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        raise BadRequest("Invalid URL - credentials are not allowed")
    name, is_literal = _read_host(host)
    return RemoteAddress(url=url, host=name, port=port, is_literal=is_literal)


def read_entry(text: str) -> HostEntry | None:
    """One line of a list; None for what is none."""
    match = _ENTRY.fullmatch(text)
    if match is None:
        return None
    try:
        host, is_literal = _read_host(match[2].strip("[]"))
    except BadRequest:
        return None
    port = None if match[3] is None else int(match[3])
    if (is_literal and match[1]) or (port is not None and not 0 < port < 65536):
        return None
    return HostEntry(host=host, below=match[1] is not None, port=port)


def is_listed(address: RemoteAddress, hosts: Iterable[str]) -> bool:
    entries = (read_entry(text) for text in hosts)
    return any(entry is not None and entry.covers(address) for entry in entries)


def redirected(address: RemoteAddress, location: str) -> RemoteAddress:
    """Where a redirect leads. Raises BadRequest: also for one from https to http, which would tell everybody."""
    try:
        target = address.url.join(URL(location))
    except (ValueError, TypeError) as bad:
        raise BadRequest("Invalid URL - cannot be read") from bad
    read = read_address(str(target))
    if address.scheme == "https" and read.scheme != "https":
        raise BadRequest("Invalid URL - a redirect leaves https")
    return read


def encode_remote(address: str) -> str:
    """As it stands in `l_fetch:`: base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")


def decode_remote(text: str) -> str:
    """Raises ValueError for what is no address in base64, or not the only way to write it."""
    if _BASE64.fullmatch(text) is None:
        raise ValueError("not base64")
    bare = text.rstrip("=")
    try:
        address = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except binascii.Error as bad:
        raise ValueError("not base64") from bad
    if encode_remote(address) != bare:
        raise ValueError("not canonical")
    if not address.startswith(("http://", "https://")):
        raise ValueError("not an address")
    return address


def _read_host(text: str) -> tuple[str, bool]:
    """The host in one spelling, and whether it is an IP address. Raises BadRequest."""
    if ":" in text:
        try:
            if "%" in text:
                raise ValueError("a scope is a matter of this machine")
            return str(IPv6Address(text)), True
        except ValueError as bad:
            raise BadRequest("Invalid URL - not a host") from bad
    try:
        host = (URL.build(scheme="http", host=text).raw_host or "").lower().removesuffix(".")
    except (ValueError, TypeError) as bad:
        raise BadRequest("Invalid URL - not a host") from bad
    if _NAME.fullmatch(host) is None:
        raise BadRequest("Invalid URL - not a host")
    if _NUMBER.fullmatch(host.rsplit(".", 1)[-1]):  # 2130706433, 0x7f.1, 127.1: what systems may take for an address
        try:
            return str(IPv4Address(host)), True
        except ValueError as bad:
            raise BadRequest("Invalid URL - not a host") from bad
    return host, False

"""Requests that the HTTP library reads and that RFC 9112 has a server refuse: somebody in front or behind may read them otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


def is_host(value: bytes) -> bool:
    """Is it what a Host field may say (RFC 3986 section 3.2.2)? Empty is, and names no host."""
    return _HOST.fullmatch(value) is not None


def is_faulty(version: tuple[int, int], fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """`fields` as they came.

    - a transfer coding below HTTP/1.1: framing that this version does not have (section 6.1)
    - no Host in HTTP/1.1, or one that cannot be one (section 3.2)
    """
    hosts, is_old = 0, version < (1, 1)
    for name, value in fields:
        lower = name.lower()
        if lower == b"host":
            hosts += 1
            if not is_host(value):
                return True
        elif is_old and lower == b"transfer-encoding":
            return True
    return hosts > 1 or (not hosts and not is_old)


def head_bytes(fields: Sequence[tuple[bytes, bytes]]) -> int:
    """Of the fields as they came, roughly."""
    return sum(len(name) + len(value) for name, value in fields) + 4 * len(fields)

"""Percent-encoding (RFC 3986, 2.1), without the rest of a URL library."""

from __future__ import annotations

import re
from string import ascii_letters, digits

UNRESERVED = frozenset(f"{ascii_letters}{digits}-._~")

_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


def percent_encode(text: str, *, safe: str = "", unsafe: str = "") -> str:
    """Every character outside UNRESERVED and `safe`, and every one of `unsafe`, as the `%XX` of its UTF-8 bytes.

    What UTF-8 cannot say (half a surrogate pair) becomes "?" first.

    >>> percent_encode("a b/é.", safe="/", unsafe=".")
    'a%20b/%C3%A9%2E'
    """
    bare = (UNRESERVED | frozenset(safe)) - frozenset(unsafe)
    return "".join(
        char if char in bare else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace")) for char in text
    )


def percent_decode(text: str) -> bytes:
    """The bytes that `text` stands for, decoded once; a `%` without two hex digits stays.

    >>> percent_decode("a%2541%C3%A9").decode()
    'a%41é'
    """
    return _ENCODED.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())

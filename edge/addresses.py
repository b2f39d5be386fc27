"""How many connections one client has, without remembering who: an address is kept as a keyed hash, and only while it is connected.

The key is random, of this process, and goes with it. An IPv6 client is its /64: whoever has one has all of its addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from domicile.service.networks import Network, address_of

HASH_BYTES = 8
KEY_BYTES = 32


class Addresses:
    """The open connections of each client."""

    def __init__(self, *, per_address_max: int, trusted: Iterable[Network], key: bytes) -> None:
        """`per_address_max`: 0 counts nothing. `trusted`: proxies, whose connections are those of many clients."""
        self._max = per_address_max
        self._trusted = tuple(trusted)
        self._key = key
        self._open: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, host: str | None) -> bytes | None:
        """One more connection from `host`, an address as the kernel writes it. What `leave` takes, empty for what is not counted;
        None when the client has too many.
        """
        if not self._max or not host:
            return b""
        address = address_of(host)
        if any(address in network for network in self._trusted):
            return b""
        shared = address.packed[:8]  # all of an IPv4 address, the /64 of an IPv6 one
        client = hashlib.blake2b(shared, key=self._key, digest_size=HASH_BYTES).digest()
        count = self._open.get(client, 0)
        if count >= self._max:
            return None
        self._open[client] = count + 1
        return client

    def leave(self, client: bytes) -> None:
        """A connection that `enter` let in is closed."""
        left = self._open.get(client, 0) - 1
        if left > 0:
            self._open[client] = left
        else:
            self._open.pop(client, None)

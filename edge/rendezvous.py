"""Which worker owns an object: rendezvous hashing, so that one slot more or less moves only its own share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def owner_of(file_name: str, slots: Iterable[int]) -> int:
    """The slot with the highest hash for this file name. Raises ValueError when there is no slot."""
    return max(slots, key=lambda slot: (_weight(file_name, slot), slot))


def _weight(file_name: str, slot: int) -> bytes:
    return hashlib.blake2b(f"{slot}\0{file_name}".encode(), digest_size=8).digest()

"""Is who asks under a boot id the only one that does? Pure: nonces and numbers in, a verdict out.

An edge whose machine was copied while it ran, or put back to a snapshot, asks under an id that another has, or had after it. So
each answer to a lease request gives a nonce, and the next request shows it:

    NEXT    one of the newest                        -> they are over, and it gets another
    AGAIN   the one that these were given for        -> the answer was lost, or a copy asks as well: nobody can tell yet. It gets
                                                        one beside them; for as long as a lease can last no ack of the boot counts
    USED    any other                                -> a copy, or one that was put back: refused, and likewise

Of several that were given for one nonce the first that is shown again goes on; the others are used by that. No answer, request or
ack that is lost or late makes the edge that it belongs to USED, but for a request of its own that arrives after a later one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from enum import Enum, auto

import msgspec

NONCE_BITS = 63
ISSUED_MAX = 8
"""Nonces given for one; the oldest goes first."""


class Showing(Enum):
    NEXT = auto()
    AGAIN = auto()
    USED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What one boot may show."""

    before: int = 0
    """The nonce that the newest were given for; 0: its first request."""
    issued: tuple[int, ...] = ()
    """The newest. Empty: nothing is known, and whatever is shown is believed once."""

    def judge(self, nonce: int) -> Showing:
        if nonce in self.issued or not self.issued:
            return Showing.NEXT
        return Showing.AGAIN if nonce == self.before else Showing.USED

    def after(self, nonce: int) -> Handed:
        """What it may show once it has shown this, which is not USED."""
        fresh = secrets.randbits(NONCE_BITS) | 1
        if self.judge(nonce) is Showing.AGAIN:
            return replace(self, issued=(*self.issued, fresh)[-ISSUED_MAX:])
        return Handed(before=nonce, issued=(fresh,))

    @property
    def newest(self) -> int:
        return self.issued[-1]


def packed(handed: Handed, *, is_doubted: bool) -> bytes:
    """For the catalogue."""
    return msgspec.msgpack.encode((handed.before, handed.issued, is_doubted))


def unpacked(raw: bytes | None) -> tuple[Handed, bool]:
    """(what it may show, was it doubted); of a row that was written before there were nonces nothing is known."""
    if raw is None:
        return Handed(), False
    before, issued, is_doubted = msgspec.msgpack.decode(raw, type=tuple[int, tuple[int, ...], bool])
    return Handed(before=before, issued=issued), is_doubted

"""What a keyring asks of the store of its roots: make one, seal under it, destroy it for good, and say so honestly.

A root that can leave its store (a file) is the key that seals. One that cannot (a token, Vault) wraps a key that is made for
it; the wrapped key stands at the head of what that key seals. Either way: without the root nothing of it opens.

Rules: synchronous, one caller at a time. Whatever cannot be found out is RootUnavailable, never "destroyed".
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
WRAPPED_BYTES_MAX = 4096
"""Of a wrapped key; a token or Vault needs about a hundred."""
_LENGTH_BYTES = 2
_CHECK_BYTES = 8


class KeyringBroken(Exception):
    """The key files do not fit together: both copies of a file are torn, or the root is another one."""


class RootGone(KeyringBroken):
    """The store answers, and has no such root."""


class RootUnavailable(OSError):
    """The store cannot be reached, or refuses: nothing is known of the root."""


class RootLocked(OSError):
    """The store does not open anything with the root any more, and destroys it only later: that is not "destroyed"."""

    def __init__(self, until: float) -> None:
        super().__init__("a root is locked, and not destroyed yet")
        self.until = until


class RootKind(StrEnum):
    FILE = "file"
    PKCS11 = "pkcs11"
    VAULT = "vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """What seals: a page's own, or in the name of a root. `header` stands before all that it seals."""

    key: bytes = field(repr=False)
    header: bytes = b""

    def seal(self, plain: bytes, binding: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)  # random is enough: it seals at most a few thousand times before it is replaced
        return self.header + nonce + AESGCM(self.key).encrypt(nonce, plain, binding)

    def open(self, sealed: bytes, binding: bytes) -> bytes:
        """Raises InvalidTag, and ValueError for what is no such thing."""
        if not sealed.startswith(self.header):
            raise ValueError("sealed under another key")
        body = sealed[len(self.header) :]
        return AESGCM(self.key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], binding)


class RootStore(Protocol):
    """Names are the store's own (`new_name`). All but `new_name` of a file raise RootUnavailable."""

    @property
    def kind(self) -> RootKind: ...

    def new_name(self, number: int) -> str:
        """A name that no root had before, or that of the only file with this number."""
        ...

    def create(self, name: str) -> None:
        """A random root, durable on return."""
        ...

    def has(self, name: str) -> bool: ...

    def fresh_key(self, name: str) -> SealingKey:
        """A key to seal with. Raises RootGone."""
        ...

    def key_of(self, name: str, sealed: bytes) -> SealingKey:
        """The key that sealed this. Raises RootGone, and ValueError for a damaged header."""
        ...

    def destroy(self, name: str, *, beside: str | None) -> float | None:
        """Destroy it, then look that it is not there. A root that is not there is fine: a crash came after it.

        `beside`: a root of this store that has to be there, so that an empty store is not taken for a clean one.
        A store that only locks it returns when it is destroyed, in seconds of the wall clock.
        """
        ...

    def live(self) -> frozenset[str]:
        """Names of all roots of ours in this store."""
        ...


def header_of(wrapped: bytes) -> bytes:
    """The head of what a wrapped key seals. Its check finds a damaged file before a store is asked to unwrap it."""
    assert len(wrapped) <= WRAPPED_BYTES_MAX
    return len(wrapped).to_bytes(_LENGTH_BYTES, "big") + _check(wrapped) + wrapped


def wrapped_of(sealed: bytes) -> bytes:
    """The wrapped key at the head. Raises ValueError."""
    start = _LENGTH_BYTES + _CHECK_BYTES
    length = int.from_bytes(sealed[:_LENGTH_BYTES], "big")
    wrapped = sealed[start : start + length]
    if len(wrapped) != length or length > WRAPPED_BYTES_MAX or sealed[_LENGTH_BYTES:start] != _check(wrapped):
        raise ValueError("no wrapped key stands here")
    return wrapped


def _check(wrapped: bytes) -> bytes:
    return hashlib.sha256(b"domicile/wrapped-key\0" + wrapped).digest()[:_CHECK_BYTES]

"""The statement that an erasure leaves behind: what was removed, how far it is fenced, which class of evidence holds.

It names no person, no public_id, no address: versions appear as keyed hashes. It is signed with ed25519 over its
canonical JSON: keys sorted, no spaces, UTF-8, whole numbers and texts only (on such values this is RFC 8785, JCS). Whoever
holds one can check it: "Checking a statement" in docs/life-of-an-erasure.md; `receipt` checks the one that it holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TYPE = "domicile/erasure-statement/1"
SIGNING_CONTEXT = b"domicile/erasure-statement/1\0"

EXACT_MAX = 2**53 - 1

STATUS_PATH = "/v1_1/{tenant}/erasures/{id}"
"""Where the API tells how far an erasure has come, relative to its base: the statement's `status_url`."""
ROOT_EVIDENCE = {
    "file": "file overwritten; not provable on flash, copy-on-write or snapshots",
    "pkcs11": "token object destroyed",
    "vault": "Vault transit key deleted; not provable in backups, snapshots or replicas of Vault's storage",
}
"""Decisions E.2: what each kind of store may claim once the root is destroyed and the entry is fenced."""
KEY_STATE_FILE = f"sealed ({ROOT_EVIDENCE['file']})"
KEY_STATE_WAITING = "root destroyed, waiting for edges"


def key_state(kind: str, past: Iterable[tuple[str, int]] = ()) -> str:
    """`past`: other kinds of store that held the root before, and until when. What was kept then was under it, too.

    >>> key_state("pkcs11", [("file", 0)])[:70]
    'sealed (token object destroyed; of keys from before 1970-01-01: file o'
    """
    before = (
        f"of keys from before {day_of(until)}: {ROOT_EVIDENCE[one]}" for one, until in dict(past).items() if one != kind
    )
    return f"sealed ({'; '.join((ROOT_EVIDENCE[kind], *before))})"


def key_state_locked(until: float) -> str:
    """Of a store that opens nothing with the root any more and destroys it only later: never to be called sealed."""
    return f"locked until {day_of(until)}"


def day_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStatement:
    """A signed statement. `body` is plain JSON values; `signature` is base64 over `canonical(body)`."""

    body: dict[str, Any]
    signature: str

    def to_mapping(self) -> dict[str, Any]:
        """The JSON object that callers get: the body with the signature beside it."""
        return {**self.body, "signature": self.signature}


def canonical(value: Any) -> bytes:
    """Canonical JSON of texts, whole numbers, booleans, None, lists and objects.

    Raises TypeError for floats, and for whole numbers that are not exact in a double: RFC 8785 writes them in another way.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _refuse_floats(value: Any) -> None:
    match value:
        case float():
            raise TypeError("floats have no canonical form here")
        case int() if abs(value) > EXACT_MAX:
            raise TypeError("such a number has no canonical form here")
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str) or not key.isascii():
                    raise TypeError("object keys are ASCII texts")
                _refuse_floats(inner)
        case list() | tuple():
            for inner in value:
                _refuse_floats(inner)
        case _:
            pass


def key_id(public_key: bytes) -> str:
    """Short public name of a signing key: first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def public_key_of(seed: bytes) -> bytes:
    """32 raw bytes of the public key that belongs to a 32-byte ed25519 seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(body: dict[str, Any], seed: bytes) -> ErasureStatement:
    """Sign a body; adds `type` and `key_id`."""
    full = {**body, "type": TYPE, "key_id": key_id(public_key_of(seed))}
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(SIGNING_CONTEXT + canonical(full))
    return ErasureStatement(body=full, signature=base64.b64encode(signature).decode())

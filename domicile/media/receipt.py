"""A receipt: what was erased, that the log of this installation holds it, and that nobody changed either.

    {type, key_id, statement, leaf, log: {index, checkpoint, proof[]}, signature}

The statement says what was done (see `statement`); the leaf is what the log keeps of it: numbers and a hash of the
statement, and nothing about anybody. The proof ties the leaf to a checkpoint, which the log signs with a key of its own.
Whoever has both public keys checks all of it without asking anybody: `read_receipt`, or deploy/verify_receipt.py.

Everything is canonical JSON (RFC 8785 on texts, whole numbers, booleans, lists and objects); hashes are SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domicile.media.checkpoint import read_checkpoint
from domicile.media.errors import BadSignature
from domicile.media.merkle import HASH_BYTES, PROOF_HASHES_MAX, is_included, leaf_hash
from domicile.media.statement import SIGNING_CONTEXT, ErasureStatement, canonical, key_id, public_key_of
from domicile.media.statement import TYPE as STATEMENT_TYPE

TYPE = "domicile/receipt/1"
LEAF_TYPE = "domicile/leaf/1"
_CONTEXT = b"domicile/receipt/1\0"
SIGNATURE_BYTES = 64
RECEIPT_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class InLog:
    """Where a leaf is, and what shows it."""

    index: int
    checkpoint: str
    """A signed note."""
    proof: Sequence[bytes]

    def to_mapping(self) -> dict[str, Any]:
        hashes = [base64.b64encode(part).decode() for part in self.proof]
        return {"index": self.index, "checkpoint": self.checkpoint, "proof": hashes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What a reader must know beforehand: he has it from the installation, once."""

    statement_key: bytes
    """32 bytes, Ed25519: signs statements and receipts."""
    log_name: str
    log_key: bytes
    """32 bytes, Ed25519: signs checkpoints."""


def leaf_of(statement: ErasureStatement, *, kind: str) -> dict[str, Any]:
    """What the log keeps of a statement: where the journal stood, when, how it ended, and a hash of all of it."""
    body = statement.body
    return {
        "type": LEAF_TYPE,
        "kind": kind,
        "epoch": body["journal"]["epoch"],
        "seq": body["journal"]["seq"],
        "issued_at": body["issued_at"],
        "outcome": body["outcome"],
        "statement": statement_hash(statement.to_mapping()),
    }


def statement_hash(mapping: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(dict(mapping))).hexdigest()


def make_receipt(statement: ErasureStatement, leaf: Mapping[str, Any], logged: InLog, seed: bytes) -> dict[str, Any]:
    """The receipt as a JSON object. `seed`: of the key that signed the statement."""
    body = {
        "type": TYPE,
        "key_id": key_id(public_key_of(seed)),
        "statement": statement.to_mapping(),
        "leaf": dict(leaf),
        "log": logged.to_mapping(),
    }
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_CONTEXT + canonical(body))
    return {**body, "signature": base64.b64encode(signature).decode()}


def parse_receipt(text: bytes) -> Any:
    """The JSON value of a file that may be a receipt. Raises BadSignature: it is too long, or no JSON that means one thing."""
    if len(text) > RECEIPT_BYTES_MAX:
        raise BadSignature("this is too long for a receipt")
    return parse_json(text)


def parse_json(text: bytes) -> Any:
    """JSON that means one thing. Raises BadSignature."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number)
    except (ValueError, RecursionError) as bad:
        raise BadSignature("this is no receipt: it cannot be read as JSON") from bad


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member stands twice")
    return made


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:20]} is not a whole number")


def read_receipt(receipt: Any, verifier: Verifier) -> dict[str, Any]:
    """The body of the statement, if every part of the receipt holds. Raises BadSignature, which says what does not."""
    outer = _object(receipt, {"type", "key_id", "statement", "leaf", "log", "signature"}, "receipt")
    if outer["type"] != TYPE:
        raise BadSignature("this is no receipt of a kind that is known here")
    if outer["key_id"] != key_id(verifier.statement_key):
        raise BadSignature("the receipt names another key")
    _signed(outer, _CONTEXT, verifier.statement_key, "receipt")
    statement = outer["statement"]
    if not isinstance(statement, dict) or statement.get("type") != STATEMENT_TYPE:
        raise BadSignature("the receipt holds no statement")
    _signed(statement, SIGNING_CONTEXT, verifier.statement_key, "statement")
    leaf = outer["leaf"]
    if not isinstance(leaf, dict) or leaf.get("type") != LEAF_TYPE:
        raise BadSignature("the receipt holds no leaf")
    if leaf.get("statement") != statement_hash(statement):
        raise BadSignature("the leaf is of another statement")
    if leaf.get("outcome") != statement.get("outcome"):
        raise BadSignature("the leaf tells of another outcome")
    _logged(leaf, outer["log"], verifier)
    return {name: value for name, value in statement.items() if name != "signature"}


def _logged(leaf: dict[str, Any], log: Any, verifier: Verifier) -> None:
    told = _object(log, {"index", "checkpoint", "proof"}, "place in the log")
    index, note, proof = told["index"], told["checkpoint"], told["proof"]
    if type(index) is not int or not isinstance(note, str) or not isinstance(proof, list):
        raise BadSignature("the place in the log is malformed")
    checkpoint = read_checkpoint(note, origin=verifier.log_name, public_key=verifier.log_key)
    hashes = [_bytes(part, HASH_BYTES, "proof") for part in proof[: PROOF_HASHES_MAX + 1]]
    if not is_included(leaf_hash(canonical(leaf)), index, checkpoint.size, hashes, checkpoint.root):
        raise BadSignature("the log does not hold this leaf")


def _signed(mapping: Mapping[str, Any], context: bytes, public_key: bytes, what: str) -> None:
    signature = _bytes(mapping.get("signature"), SIGNATURE_BYTES, what)
    try:
        plain = canonical({name: value for name, value in mapping.items() if name != "signature"})
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, context + plain)
    except (InvalidSignature, TypeError, UnicodeEncodeError, RecursionError) as bad:
        raise BadSignature(f"the {what} is not signed by this installation, or was changed") from bad


def _bytes(text: Any, length: int, what: str) -> bytes:
    """Base64 in its one canonical spelling."""
    if isinstance(text, str) and text.isascii():
        try:
            made = base64.b64decode(text, validate=True)
        except binascii.Error:
            made = b""
        if len(made) == length and base64.b64encode(made).decode() == text:
            return made
    raise BadSignature(f"the {what} is malformed")


def _object(value: Any, names: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise BadSignature(f"the {what} is malformed")
    return value

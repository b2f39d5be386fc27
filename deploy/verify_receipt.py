#!/usr/bin/env python3
"""Check a receipt of an erasure offline. One file; needs Python 3.9 or newer and `cryptography`, and nothing of Domicile.

    python3 verify_receipt.py RECEIPT.json KEYS.json

KEYS.json is what the installation publishes at /.well-known/domicile/receipt-keys: keep a copy from the day on which you
began to trust it. Exit code 0: every part of the receipt holds. 1: it does not, and the reason is printed.

    1  statement    signed by the installation, unchanged
    2  leaf         the log's entry is of this very statement
    3  checkpoint   signed by the log
    4  inclusion    the checkpoint covers the leaf (RFC 9162 section 2.1.3.2)
    5  receipt      signed as a whole
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FILE_BYTES_MAX = 1024 * 1024


class Refused(Exception):
    """The text says why."""


def need(condition: object, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def load(path: str) -> Any:
    with Path(path).open("rb") as file:
        text = file.read(FILE_BYTES_MAX + 1)
    need(len(text) <= FILE_BYTES_MAX, f"{path}: too long")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        need(len(made) == len(pairs), f"{path}: a member stands twice")
        return made

    def whole(_: str) -> Any:
        raise Refused(f"{path}: holds a number that is not whole")

    return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_float=whole, parse_constant=whole)


def canonical(value: Any) -> str:
    """RFC 8785 on texts, whole numbers, booleans, null, lists, and objects with ASCII names."""
    if isinstance(value, dict):
        need(all(name.isascii() for name in value), "a member's name is not ASCII")
        parts = (canonical(name) + ":" + canonical(value[name]) for name in sorted(value))
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(part) for part in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        need(abs(value) < 2**53, "a number is too large")
    return json.dumps(value, ensure_ascii=False)


def b64(text: Any, length: int, what: str) -> bytes:
    need(isinstance(text, str), f"{what}: no base64")
    try:
        made = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as bad:
        raise Refused(f"{what}: no base64") from bad
    need(len(made) == length and base64.b64encode(made).decode() == text, f"{what}: wrong length")
    return made


def check_signature(key: bytes, signature: bytes, message: bytes, what: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature as bad:
        raise Refused(f"{what}: the signature does not hold") from bad


def check_object(value: Any, context: bytes, key: bytes, what: str) -> None:
    need(isinstance(value, dict), f"{what}: missing")
    rest = {name: part for name, part in value.items() if name != "signature"}
    signature = b64(value.get("signature"), 64, what)
    check_signature(key, signature, context + b"\0" + canonical(rest).encode("utf-8"), what)


def read_checkpoint(note: Any, name: str, key: bytes) -> tuple[int, bytes]:
    """(size, root) of a signed note that this log has signed."""
    need(isinstance(note, str) and "\n\n" in note and note.endswith("\n"), "checkpoint: no signed note")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    hint = hashlib.sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures[:-1].split("\n"):
        words = line.split(" ")
        if len(words) != 3 or words[0] != "\u2014" or words[1] != name:
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except ValueError:
            continue
        if blob[:4] == hint:
            check_signature(key, blob[4:], text.encode("utf-8"), "checkpoint")
            origin, size, root = text.split("\n")[:3]
            need(origin == name, "checkpoint: of another log")
            need(size.isascii() and size.isdecimal() and str(int(size)) == size, "checkpoint: no size")
            return int(size), b64(root, 32, "checkpoint's root")
    raise Refused("checkpoint: not signed by this log")


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a proof leads to: the RFC's definition of a path, from the top down."""
    if size == 1:
        need(not path, "inclusion: the proof is too long")
        return leaf
    need(path, "inclusion: the proof is too short")
    half = 1
    while half * 2 < size:
        half *= 2
    if index < half:
        left, right = root_of(leaf, index, half, path[:-1]), path[-1]
    else:
        left, right = path[-1], root_of(leaf, index - half, size - half, path[:-1])
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify(receipt: Any, keys: Any) -> dict[str, Any]:
    """The statement, if everything holds. Raises Refused."""
    need(isinstance(receipt, dict) and receipt.get("type") == "domicile/receipt/1", "this is no receipt")
    statement_key = b64(keys["statement"]["public_key"], 32, "keys")
    log_key = b64(keys["log"]["public_key"], 32, "keys")
    need(receipt.get("key_id") == hashlib.sha256(statement_key).hexdigest()[:16], "the receipt names another key")
    statement, leaf, log = receipt.get("statement"), receipt.get("leaf"), receipt.get("log")
    check_object(statement, b"domicile/erasure-statement/1", statement_key, "statement")
    need(statement.get("type") == "domicile/erasure-statement/1", "statement: of another kind")
    need(isinstance(leaf, dict) and leaf.get("type") == "domicile/leaf/1", "leaf: missing")
    said = hashlib.sha256(canonical(statement).encode("utf-8")).hexdigest()
    need(leaf.get("statement") == said, "leaf: of another statement")
    need(leaf.get("outcome") == statement.get("outcome"), "leaf: of another outcome")
    need(isinstance(log, dict) and isinstance(log.get("proof"), list), "log: missing")
    size, root = read_checkpoint(log.get("checkpoint"), keys["log"]["name"], log_key)
    index = log.get("index")
    need(type(index) is int and 0 <= index < size < 2**63 and len(log["proof"]) <= 128, "inclusion: no such leaf")
    path = [b64(part, 32, "inclusion") for part in log["proof"]]
    hashed = hashlib.sha256(b"\x00" + canonical(leaf).encode("utf-8")).digest()
    need(root_of(hashed, index, size, path) == root, "inclusion: the log does not hold this leaf")
    check_object(receipt, b"domicile/receipt/1", statement_key, "receipt")
    return statement


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    try:
        statement = verify(load(arguments[0]), load(arguments[1]))
    except (Refused, OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
        print(f"REFUSED: {reason or type(reason).__name__}")
        return 1
    removed = statement["removed"]
    print(f"holds: erasure {statement['erasure_id']} of cloud {statement['tenant']}, outcome {statement['outcome']}")
    print(f"removed: {', '.join(f'{count} {what}' for what, count in removed.items())}")
    for place in statement["places"]:
        probe = place.get("probe")  # receipts of older releases have none: nobody was asked
        asked = (
            f"; asked: {probe['state']}, {probe.get('given', 0)} of {probe.get('asked', 0)} gave something"
            if probe
            else ""
        )
        print(f"place: {place['place']}: {place['state']}{asked}")
    for rest in statement["residuals"]:
        print(f"left until: {rest['place']}: {rest.get('seconds_max', '?')} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

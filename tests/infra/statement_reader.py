"""A second implementation of what "Checking a statement" in docs/life-of-an-erasure.md says, by that text alone.

The product signs; this file, which shares no line with it, checks. Nothing but `cryptography` is used for the signature.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPE = "domicile/erasure-statement/1"
SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


class Unsound(Exception):
    """The statement does not hold; the text says what is wrong."""


def check(statement: str | bytes, key: Mapping[str, Any]) -> dict[str, Any]:
    """The statement's members without its signature. `key`: what /.well-known/domicile/receipt-keys answered of `statement`."""
    try:
        said = json.loads(statement, object_pairs_hook=_once, parse_float=_no_float)
    except (ValueError, UnicodeDecodeError) as bad:
        raise Unsound("not JSON") from bad
    if not isinstance(said, dict) or said.get("type") != TYPE:
        raise Unsound("no erasure statement")
    signature = _bytes(said.pop("signature", None), 64)
    public = _bytes(key.get("public_key"), 32)
    if key.get("alg") != "ed25519" or hashlib.sha256(public).hexdigest()[:16] != said.get("key_id"):
        raise Unsound("signed under another key")
    message = TYPE.encode() + b"\0" + _canonical(said).encode()
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature as bad:
        raise Unsound("the signature does not hold") from bad
    return said


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in members}) != len(members):
        raise Unsound("a member stands twice")
    return dict(members)


def _no_float(text: str) -> Any:
    raise Unsound(f"{text} is no whole number")


def _bytes(text: object, length: int) -> bytes:
    """Base64 in its one canonical spelling."""
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise Unsound(f"not {length} bytes in base64")
    return raw


def _canonical(value: Any) -> str:
    """RFC 8785 for texts, whole numbers, booleans, null, lists and objects."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + "".join(map(_character, value)) + '"'
        case list():
            return "[" + ",".join(map(_canonical, value)) + "]"
        case dict():
            by_units = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
            return "{" + ",".join(f"{_canonical(name)}:{_canonical(inner)}" for name, inner in by_units) + "}"
        case _:
            raise Unsound(f"{type(value).__name__} has no canonical form")


def _character(character: str) -> str:
    if character in SHORT:
        return SHORT[character]
    return f"\\u{ord(character):04x}" if character < " " else character

"""Cursors: where the last row stood, in its order, sealed under a key of the cloud, for a row's place may be its name.

A place needs no row: what is inserted or deleted between two pages moves nobody else.
"""

from __future__ import annotations

import base64
import binascii
import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domicile.media.errors import BadRequest
from domicile.media.keys import subkey
from origin.search.query import Order
from origin.search.values import Scalar

CURSOR_CHARS_MAX = 4096
NONCE_BYTES = 12


def write_cursor(name_key: bytes, order: Order, place: tuple[Scalar, ...]) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + _cipher(name_key).encrypt(nonce, msgspec.msgpack.encode(place), _bound_to(order))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_cursor(name_key: bytes, order: Order, text: str) -> tuple[Scalar, ...]:
    """Raises BadRequest for a text that is not ours, or of another cloud or order."""
    try:
        if len(text) > CURSOR_CHARS_MAX:
            raise BadRequest("Invalid next_cursor")
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed = _cipher(name_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(order))
    except (binascii.Error, ValueError, InvalidTag) as bad:
        raise BadRequest("Invalid next_cursor") from bad
    return tuple(msgspec.msgpack.decode(packed, type=list[Scalar]))


def _cipher(name_key: bytes) -> AESGCM:
    return AESGCM(subkey(name_key, "cursor"))


def _bound_to(order: Order) -> bytes:
    return msgspec.msgpack.encode(order)

"""A token by which the browser that uploaded may take it back: good for ten minutes, for that very version alone.

It says which version and until when, and is proved by a key of the cloud, so that nothing has to be kept: once the
version is gone, it means nothing. Source: Cloudinary's `return_delete_token` and `delete_by_token`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

from domicile.media.asset import AID_BYTES, Aid
from domicile.media.errors import BadRequest
from domicile.media.keys import subkey
from origin.records import Tenant

TOKEN_SECONDS = 600
_BODY = struct.Struct(f">{AID_BYTES}sQ")
_PROOF_BYTES = 32
_CHARS = (_BODY.size + _PROOF_BYTES) * 4 // 3 + 4


def make_token(tenant: Tenant, aid: Aid, *, now: float) -> str:
    """URL-safe, without padding."""
    body = _BODY.pack(bytes.fromhex(aid), int(now) + TOKEN_SECONDS)
    return base64.urlsafe_b64encode(body + _proof(tenant, body)).decode().rstrip("=")


def read_token(tenant: Tenant, token: str, *, now: float) -> Aid:
    """The version that the token is about. Raises BadRequest for one that is not ours, or too old."""
    try:
        if len(token) > _CHARS:
            raise ValueError
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body, proof = raw[: _BODY.size], raw[_BODY.size :]
        aid, until = _BODY.unpack(body)
    except (binascii.Error, ValueError, struct.error) as bad:
        raise BadRequest("Invalid delete token") from bad
    if not hmac.compare_digest(proof, _proof(tenant, body)):
        raise BadRequest("Invalid delete token")
    if now >= until:
        raise BadRequest("Delete token has expired")
    return Aid(aid.hex())


def _proof(tenant: Tenant, body: bytes) -> bytes:
    return hmac.digest(subkey(tenant.name_key, "delete-token"), body, hashlib.sha256)

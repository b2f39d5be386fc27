"""The caller's side of a signed purge: RFC 9421 over RFC 9530, ed25519.

    covered      "@method" "@authority" "@path" "content-type" "edge-region" "content-digest"     all of them, in this order
    parameters   created, keyid, alg="ed25519", expires, nonce (18 random bytes), tag="edge-purge"

Only the origin verifies (origin/purge.py); edges relay unread. The verifier holds public keys alone, so a stolen edge or
a copied database signs nothing. Source: RFC 9421 §2, §3.1; RFC 9530 §2; edge purge form in docs/purge.md.
Pure: the clock and the nonce are arguments.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PURGE_PATH: Final = "/_edge/v1/purge"
PURGE_TAG: Final = "edge-purge"
LABEL: Final = "purge"
COVERED: Final = ("@method", "@authority", "@path", "content-type", "edge-region", "content-digest")
LIFETIME_SECONDS: Final = 60
LIFETIME_SECONDS_MAX: Final = 300
"""The verifier refuses a longer one."""
NONCE_BYTES: Final = 18
BODY_BYTES_MAX: Final = 64 * 1024

KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")


class BadKey(ValueError):
    """A key file that cannot be used; the text says why and shows nothing of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An ed25519 key pair and the name that the verifier knows it by."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public_base64(self) -> str:
        """The 32 raw bytes of the public key, in base64: what is registered at the origin."""
        return base64.b64encode(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    def to_pem(self) -> bytes:
        """PKCS#8 PEM of the private key, with the key id on a comment line above it."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return f"keyid: {self.key_id}\n".encode() + pem


def new_key(key_id: str) -> SigningKey:
    """A fresh key. Raises BadKey for an id that does not fit into a signature's parameters."""
    if not KEY_ID.fullmatch(key_id):
        raise BadKey(f"key id {key_id!r}: 3 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit")
    return SigningKey(key_id=key_id, private=Ed25519PrivateKey.generate())


def read_key(pem: bytes) -> SigningKey:
    """The key of a file that `to_pem` wrote. Raises BadKey."""
    head, _, _ = pem.partition(b"\n")
    match = re.fullmatch(rb"keyid: ([A-Za-z0-9._-]{3,64})\r?", head)
    if match is None:
        raise BadKey("the first line must be `keyid: ID`, as `domicile key new` writes it")
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as unreadable:
        raise BadKey("not an unencrypted PEM private key") from unreadable
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKey("not an ed25519 key")
    return SigningKey(key_id=match[1].decode(), private=private)


def content_digest(body: bytes) -> str:
    """The value of Content-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signature_parameters(*, key_id: str, created: int, expires: int, nonce: str, tag: str) -> str:
    """The inner list and its parameters: what Signature-Input holds and what is signed as @signature-params."""
    names = " ".join(f'"{name}"' for name in COVERED)
    return f'({names});created={created};keyid="{key_id}";alg="ed25519";expires={expires};nonce="{nonce}";tag="{tag}"'


def signature_base(fields: Mapping[str, str], parameters: str) -> bytes:
    """The text that is signed (RFC 9421 §2.5). `fields` holds a value for each of COVERED."""
    lines = [f'"{name}": {fields[name]}' for name in COVERED]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def sign_purge(
    key: SigningKey,
    body: bytes,
    *,
    authority: str,
    region: str,
    created: int,
    nonce: bytes,
    lifetime_seconds: int = LIFETIME_SECONDS,
    path: str = PURGE_PATH,
) -> dict[str, str]:
    """The headers of a signed `POST {path}` with this JSON body.

    `authority` is the Host that will be sent, lower case and without a default port; `region` the region of the edge that
    is meant (a captured call is worth nothing elsewhere); `created` Unix seconds; `nonce` NONCE_BYTES random bytes.
    """
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"a purge body holds {BODY_BYTES_MAX} bytes at most")
    if len(nonce) < 16:
        raise ValueError("a nonce has 128 bits or more")
    if not 0 < lifetime_seconds <= LIFETIME_SECONDS_MAX:
        raise ValueError(f"a signature lives 1 to {LIFETIME_SECONDS_MAX} seconds")
    digest = content_digest(body)
    fields = {
        "@method": "POST",
        "@authority": authority.lower(),
        "@path": path,
        "content-type": "application/json",
        "edge-region": region,
        "content-digest": digest,
    }
    parameters = signature_parameters(
        key_id=key.key_id,
        created=created,
        expires=created + lifetime_seconds,
        nonce=base64.urlsafe_b64encode(nonce).decode().rstrip("="),
        tag=PURGE_TAG,
    )
    signature = base64.b64encode(key.private.sign(signature_base(fields, parameters))).decode()
    return {
        "Content-Type": "application/json",
        "Edge-Region": region,
        "Content-Digest": digest,
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{signature}:",
    }

"""A second implementation of the signed purge call, written from RFC 9421 and RFC 9530 alone.

The product signs and verifies with a library; this one builds the signature base by hand, so that the two check each other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PATH = "/_edge/v1/purge"
COVERED = ("@method", "@authority", "@path", "content-type", "edge-region", "content-digest")


@dataclass(slots=True)
class PurgeCall:
    """One call, with every part open to tampering before or after it is signed."""

    targets: list[dict[str, Any]]
    authority: str
    keyid: str
    key: Ed25519PrivateKey
    region: str = "eu-de"
    purge_id: str = field(default_factory=lambda: secrets.token_hex(13))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    created: int = field(default_factory=lambda: int(time.time()))
    valid_seconds: int = 60
    tag: str = "edge-purge"
    covered: tuple[str, ...] = COVERED
    method: str = "POST"

    @property
    def body(self) -> bytes:
        return json.dumps({"purge_id": self.purge_id, "targets": self.targets}).encode()

    def signed(self) -> tuple[dict[str, str], bytes]:
        body = self.body
        headers = {
            "Host": self.authority,
            "Content-Type": "application/json",
            "Edge-Region": self.region,
            "Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:",
        }
        values: Mapping[str, str] = {
            "@method": self.method,
            "@authority": self.authority,
            "@path": PATH,
            "content-type": headers["Content-Type"],
            "edge-region": self.region,
            "content-digest": headers["Content-Digest"],
        }
        names = " ".join(f'"{name}"' for name in self.covered)
        parameters = (
            f'({names});created={self.created};keyid="{self.keyid}";alg="ed25519"'
            f';expires={self.created + self.valid_seconds};nonce="{self.nonce}";tag="{self.tag}"'
        )
        base = "\n".join(
            [*(f'"{name}": {values[name]}' for name in self.covered), f'"@signature-params": {parameters}']
        )
        signature = base64.b64encode(self.key.sign(base.encode())).decode()
        headers["Signature-Input"] = f"purge={parameters}"
        headers["Signature"] = f"purge=:{signature}:"
        return headers, body

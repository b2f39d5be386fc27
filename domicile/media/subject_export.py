"""What is handed to somebody who asks what is held about them: the manifest of an export, and its signature. Pure.

    manifest.json       what there is, the SHA-256 of every file beside it, what is gone or left out and why
    manifest.json.sig   {type, alg, key_id, signature}: Ed25519 over a context and the bytes of the manifest

Signed by the key that signs statements of erasures, so whoever kept /.well-known/domicile/receipt-keys checks it offline.
The manifest carries a random salt: leaves of the audit log hold hashes of it, and nobody who has a guess can try it on them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domicile.media.errors import BadSignature
from domicile.media.statement import key_id, public_key_of

TYPE = "domicile/subject-export/1"
_CONTEXT = b"domicile/subject-export/1\0"
ALGORITHM = "ed25519"
MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "manifest.json.sig"
README_FILE = "README.txt"
MANIFEST_BYTES_MAX = 64 * 1024 * 1024
SIGNATURE_FILE_BYTES_MAX = 4096
FILES_MAX = 10_000
"""In one export."""

NOTHING_HELD, HELD = "nothing_held", "held"


def sign_manifest(manifest: bytes, seed: bytes) -> dict[str, str]:
    """What goes into SIGNATURE_FILE. `seed`: 32 bytes, Ed25519."""
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_CONTEXT + manifest)
    return {
        "type": TYPE,
        "alg": ALGORITHM,
        "key_id": key_id(public_key_of(seed)),
        "signature": base64.b64encode(signature).decode(),
    }


def check_manifest(manifest: bytes, signature: Any, public_key: bytes) -> None:
    """Raises BadSignature, which says what does not hold."""
    if not isinstance(signature, dict) or signature.get("type") != TYPE or signature.get("alg") != ALGORITHM:
        raise BadSignature("this is no signature of an export of a kind that is known here")
    if signature.get("key_id") != key_id(public_key):
        raise BadSignature("the export names another key")
    try:
        raw = base64.b64decode(str(signature.get("signature")), validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, _CONTEXT + manifest)
    except (InvalidSignature, ValueError) as bad:
        raise BadSignature("the manifest is not signed by this installation, or was changed") from bad


def files_of(manifest: Any) -> Mapping[str, str]:
    """SHA-256 of every file that a manifest vouches for, by its path. Raises BadSignature for one of another shape."""
    try:
        if manifest["type"] != TYPE:
            raise BadSignature("the manifest is of a kind that is not known here")
        told = [manifest["readme"], *(asset["file"] for asset in manifest["assets"] if asset.get("file"))]
        found = {str(file["path"]): str(file["sha256"]) for file in told if file is not None}
        if len(found) != sum(file is not None for file in told):
            raise BadSignature("the manifest names a file twice")
    except (KeyError, TypeError, AttributeError) as bad:
        raise BadSignature("the manifest is malformed") from bad
    return found

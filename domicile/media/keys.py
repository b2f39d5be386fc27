"""Key derivation: from one data key per aid to the keys that each purpose may have.

    data key (32 random bytes, in the keyring, per aid)
      -> subkey(purpose, variant)             what the origin releases, per purpose
        -> content_key(all contributors)      what a sealed file or an ETag hangs on: losing any one kills the composite

Purposes: "original" (the uploaded bytes), "rendition" (what an edge makes of them), "meta" (the catalogue's blob).
Source: RFC 5869 (HKDF), decisions E.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.media.asset import Aid, NameHash

KEY_BYTES = 32
NAME_HASH_BYTES = 16
ETAG_BYTES = 16
LABELS = "labels"
"""Kind of the hash that changes of an asset's tags and context go by; its text is that of the asset's name."""
COORDINATES = "coordinates"
"""The same for changes of the coordinates that are stored with it."""


def subkey(data_key: bytes, purpose: str, variant: str = "") -> bytes:
    """The 32-byte key for one purpose (and variant) under an aid's data key."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"domicile/subkey\0{purpose}\0{variant}".encode()).derive(data_key)


def content_key(keys: Mapping[Aid, bytes]) -> bytes:
    """The 32-byte key of a rendition: HKDF over the sorted subkeys of every contributor."""
    if not keys:
        raise ValueError("a content key needs at least one contributor")
    joined = b"".join(bytes.fromhex(aid) + keys[aid] for aid in sorted(keys))
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"domicile/content").derive(joined)


def name_hash(name_key: bytes, kind: str, text: str) -> NameHash:
    """Keyed hash of a name, a tag or a folder; `kind` is "name", "labels", "coordinates", "tag", "folder", "cloud"…"""
    digest = hmac.digest(name_key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return NameHash(digest[:NAME_HASH_BYTES].hex())


def delivery_etag(key: bytes, body_sha256: bytes) -> str:
    """Strong ETag of a rendition: equal on all edges, unlinkable without the key, dies with it (decisions I.3)."""
    digest = hmac.digest(key, b"domicile/etag\0" + body_sha256, hashlib.sha256)
    return f'"{digest[:ETAG_BYTES].hex()}"'


def file_name(file_key: bytes, cache_key: str) -> str:
    """Name of a cached object's file: keyed BLAKE2b, so that a stolen disk tells no URL (decisions E.4)."""
    return hashlib.blake2b(cache_key.encode("utf-8", "surrogatepass"), key=file_key, digest_size=20).hexdigest()

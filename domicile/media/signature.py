"""Cloudinary's signatures: of delivery URLs, API parameters, API answers and webhooks.

They are plain hashes over text ‖ secret, not HMACs: that is the protocol of the SDKs, and nothing of our own relies on
them (a purge is signed by RFC 9421). Every comparison takes constant time. Source: cloudinary-compat 2.1, 2.3 to 2.5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domicile.media.errors import BadSignature

SHORT_CHARS = 8
LONG_CHARS = 32
UNSIGNED_PARAMETERS = frozenset({"file", "api_key", "cloud_name", "resource_type", "signature"})
LEFT_OUT_BY_SOME = frozenset({"notification_url", "batch_id"})
"""Python SDKs since 1.46 leave these unsigned for tags, context and metadata; others sign them."""

LIKE_AN_ANSWER = re.compile(r"public_id=.*&version=[0-9]+", re.DOTALL)
"""What `sign_answer` covers. Whoever names a file chooses the first half of it, and is shown the signature: it is none of a
call, which has to have a time stamp of its own, and no call of this API says a version.
"""
HEX = re.compile(r"[0-9a-f]+", re.ASCII)

ECHO_CHARS_MAX = 500

ParameterValue = str | int | float | Sequence[str] | None


class Digest(StrEnum):
    """The hash of a signature."""

    SHA1 = "sha1"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAs:
    """How the signature of an API call was made. Where both versions agree it counts as version 2."""

    digest: Digest
    version: int


DIGEST_OF_HEX_CHARS = {40: Digest.SHA1, 64: Digest.SHA256}


def sign_delivery(signed_text: str, secret: str, *, digest: Digest = Digest.SHA1, is_long: bool = False) -> str:
    """The 8 (or 32, then always SHA-256) characters between `s--` and `--`.

    `signed_text`: transformation and source joined by "/", percent-encoded as it stands in the URL.

    >>> sign_delivery("c_scale,w_100/folder/pic.jpg", "secret")
    'GUI5QGFY'
    """
    hashed = hashlib.new(Digest.SHA256 if is_long else digest, _bytes(signed_text + secret)).digest()
    return base64.urlsafe_b64encode(hashed).decode()[: LONG_CHARS if is_long else SHORT_CHARS]


def verify_delivery(signed_text: str, signature: str, secret: str, *, require_long: bool = False) -> None:
    """Raise BadSignature unless `signature` covers `signed_text`: 8 characters of SHA-1 or SHA-256, or 32 of SHA-256.

    It binds neither delivery type nor version: whoever calls decides by type whether a signature opens anything.
    """
    _require(secret)
    accepted = [sign_delivery(signed_text, secret, is_long=True)]
    if not require_long:
        accepted += [sign_delivery(signed_text, secret, digest=digest) for digest in Digest]
    if not _matches_any(signature, accepted):
        raise BadSignature("Invalid signature")


def parameters_text(parameters: Mapping[str, ParameterValue], *, version: int = 2) -> str:
    """What an API signature covers: `k=v` sorted and joined by "&"; version 2 writes "&" inside a pair as "%26".

    Left out: UNSIGNED_PARAMETERS, and whatever is empty, zero or None (the SDKs do not send it).
    """
    pairs = (
        f"{key}={_value_text(value)}" for key, value in parameters.items() if key not in UNSIGNED_PARAMETERS and value
    )
    return "&".join(sorted(pair.replace("&", "%26") if version >= 2 else pair for pair in pairs))


def sign_parameters(
    parameters: Mapping[str, ParameterValue], secret: str, *, digest: Digest = Digest.SHA1, version: int = 2
) -> str:
    """Hex signature of an API call."""
    return _hex(parameters_text(parameters, version=version) + secret, digest)


def verify_parameters(
    parameters: Mapping[str, ParameterValue],
    signature: str,
    secret: str,
    *,
    allow_version_1: bool = False,
    may_be_left_out: frozenset[str] = frozenset(),
) -> SignedAs:
    """How `signature` was made. Raise BadSignature unless `signature` covers `parameters`; its length says SHA-1 or SHA-256.

    Version 1 can be made to cover other parameters than its signer meant (`a=1&b=2` as the value of `a`), so it is
    tried only when the tenant allows it. `may_be_left_out`: LEFT_OUT_BY_SOME for tags, context and metadata, empty
    elsewhere. The error repeats what had to be signed, without the secret, as Cloudinary's does: never log it.
    """
    _require(secret)
    digest = DIGEST_OF_HEX_CHARS.get(len(signature))
    if digest is not None and HEX.fullmatch(signature) is not None:
        lean = {key: value for key, value in parameters.items() if key not in may_be_left_out}
        for version in (2, 1) if allow_version_1 else (2,):
            texts = [parameters_text(covered, version=version) for covered in (parameters, lean)]
            accepted = [_hex(text + secret, digest) for text in texts if LIKE_AN_ANSWER.fullmatch(text) is None]
            if _matches_any(signature, accepted):
                return SignedAs(digest=digest, version=version)
    wanted = parameters_text(parameters)[:ECHO_CHARS_MAX]
    raise BadSignature(f"Invalid Signature {signature[:64]}. String to sign - '{wanted}'.")


def sign_answer(public_id: str, version: int, secret: str, *, digest: Digest = Digest.SHA1) -> str:
    """The `signature` field of an upload answer; always signature version 1."""
    return _hex(f"public_id={public_id}&version={version}{secret}", digest)


def sign_webhook(body: str, timestamp: int, secret: str, *, digest: Digest = Digest.SHA1) -> str:
    """`X-Cld-Signature` of a notification sent at `timestamp` (`X-Cld-Timestamp`, Unix seconds)."""
    return _hex(f"{body}{timestamp}{secret}", digest)


def sign_search(ttl: str, query: str, secret: str) -> str:
    """The signature of a search URL, over its life and its query as they are spelled there."""
    return _hex(f"{ttl}{query}{secret}", Digest.SHA256)


def verify_search(ttl: str, query: str, signature: str, secret: str) -> None:
    """Raises BadSignature."""
    _require(secret)
    if not _matches_any(signature, [sign_search(ttl, query, secret)]):
        raise BadSignature("Invalid signature")


def _require(secret: str) -> None:
    """A cloud without a key has signed nothing."""
    if not secret:
        raise BadSignature("Invalid signature")


def _value_text(value: ParameterValue) -> str:
    return ",".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _hex(text: str, digest: Digest) -> str:
    return hashlib.new(digest, _bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _matches_any(given: str, accepted: Iterable[str]) -> bool:
    """Compare with all of them: the time says neither whether nor which."""
    found = False
    for text in accepted:
        found |= hmac.compare_digest(_bytes(given), _bytes(text))
    return found

"""Who is calling? A signature over the parameters (Upload API), or Basic with key and secret (Admin API, and uploads).

Decides only; `now` is an argument. Texts and statuses are those that Cloudinary's clients look for (cloudinary-compat
2.3). Every comparison of secrets takes constant time. Nothing here is logged with what the caller sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domicile.media.errors import BadRequest, BadSignature, StaleRequest
from domicile.media.signature import LEFT_OUT_BY_SOME, Digest, SignedAs, verify_parameters
from domicile.service.networks import Network, is_within
from origin.api.params import Params
from origin.records import Once, Tenant

WINDOW_SECONDS = 3600
"""Age of a signed call; Cloudinary's window."""
AHEAD_SECONDS_MAX = 3600
"""How far a caller's clock may run ahead."""
TIMESTAMP_MAX = 253_402_300_799
"""The last second of the year 9999: what a date can show."""
REPEAT_SECONDS = 5.0
"""Two equal calls within one second carry equal signatures; this long after its first sight, an equal one is a replay."""
BASIC_CHARS_MAX = 1024

FindByKey = Callable[[str], Tenant | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, and how that was proved."""

    tenant: Tenant
    signed: SignedAs | None = None
    """None: by Basic."""
    once: Once | None = field(default=None, repr=False)
    """A signed call acts once; with the secret itself there is nothing to replay."""

    @property
    def digest(self) -> Digest:
        """Answers are signed as the call was."""
        return self.signed.digest if self.signed else Digest.SHA1


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """(key, secret) of an Authorization header; None when there is none of that kind. BadSignature when malformed."""
    if header is None:
        return None
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic" or len(rest) > BASIC_CHARS_MAX:
        raise BadSignature("Unsupported authorization scheme")
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as bad:
        raise BadSignature("Malformed authorization header") from bad
    key, colon, secret = text.partition(":")
    if not colon:
        raise BadSignature("Malformed authorization header")
    return key, secret


def check_basic(credentials: tuple[str, str] | None, cloud: str, find: FindByKey) -> Tenant:
    """The tenant behind Basic credentials. Raises BadSignature."""
    if credentials is None:
        raise BadSignature("Must supply api_key")
    key, secret = credentials
    tenant = find(key)
    if tenant is None:
        raise _unknown(key)
    if not hmac.compare_digest(secret.encode(), tenant.api_secret.encode()):
        raise BadSignature("api_secret mismatch") if tenant.cloud == cloud else _unknown(key)
    if tenant.cloud != cloud:
        raise BadSignature("cloud_name mismatch")
    return tenant


def is_private_way(peer: str | None, forwarded_proto: str | None, networks: Iterable[Network]) -> bool:
    """Did the call come where nobody else reads the secret: from a trusted network, and to it, if a proxy says, by TLS?

    `peer`: address of the other end, empty for a UNIX socket. `forwarded_proto`: X-Forwarded-Proto, which a proxy sets.
    """
    return is_within(peer, networks) and (not peer or forwarded_proto in {None, "https"})


def check_signed(
    params: Params,
    cloud: str,
    find: FindByKey,
    *,
    now: float,
    allow_version_1: bool,
    notification_unsigned: bool = False,
    may_expire: bool = False,
) -> Caller:
    """Who signed these parameters. BadRequest | BadSignature | StaleRequest.

    `notification_unsigned`: tags, context and metadata calls, where some SDKs sign less than they send. `may_expire`: URLs
    of downloads, which are good until their `expires_at`, where they say one.
    """
    signature, key = params.text("signature"), params.text("api_key")
    if not signature and not key:
        raise BadRequest("Upload preset must be specified when using unsigned upload")
    if not signature:
        raise BadRequest("Missing required parameter - signature")
    if not key:
        raise BadRequest("Missing required parameter - api_key")
    tenant = find(key)
    if tenant is None:
        raise _unknown(key)
    may_be_left_out = LEFT_OUT_BY_SOME if notification_unsigned else frozenset()
    if tenant.cloud != cloud:
        raise _of_another(key, tenant, params, allow_version_1=allow_version_1, may_be_left_out=may_be_left_out)
    timestamp = timestamp_of(params)
    signed = verify_parameters(
        params.values,
        signature,
        tenant.api_secret,
        allow_version_1=allow_version_1,
        may_be_left_out=may_be_left_out,
    )
    if may_expire and "expires_at" in params:
        _check_until(params, now)
    else:
        _check_time(timestamp, now)
    once = Once(
        identity=f"{key}:{signature}",
        kept_seconds=WINDOW_SECONDS + AHEAD_SECONDS_MAX,
        grace_seconds=REPEAT_SECONDS,
    )
    return Caller(tenant=tenant, signed=signed, once=once)


def timestamp_of(params: Params) -> int:
    text = params.required("timestamp")
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) or int(text) > TIMESTAMP_MAX:
        raise BadRequest("Invalid value for parameter timestamp")
    return int(text)


def _check_until(params: Params, now: float) -> None:
    until = params.number("expires_at", 0, at_least=0, at_most=10**12)
    if now >= until:
        raise StaleRequest("Stale request - the URL has expired")


def _check_time(timestamp: int, now: float) -> None:
    shown = f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} +0000"
    if timestamp < now - WINDOW_SECONDS:
        raise StaleRequest(f"Stale request - reported time is {shown} which is more than 1 hour ago")
    if timestamp > now + AHEAD_SECONDS_MAX:
        raise StaleRequest(f"Stale request - reported time is {shown} which is more than 1 hour ahead")


def _unknown(key: str) -> BadSignature:
    """Also for a key of another cloud, to whoever does not hold its secret: which keys there are is nobody's business."""
    return BadSignature(f"Unknown API key {key[:64]}")


def _of_another(
    key: str, tenant: Tenant, params: Params, *, allow_version_1: bool, may_be_left_out: frozenset[str]
) -> BadSignature:
    """A key that is not of this cloud: its owner is told of the mistake, everybody else that there is no such key."""
    try:
        verify_parameters(
            params.values,
            params.text("signature"),
            tenant.api_secret,
            allow_version_1=allow_version_1,
            may_be_left_out=may_be_left_out,
        )
    except BadSignature:
        return _unknown(key)
    return BadSignature("cloud_name mismatch")

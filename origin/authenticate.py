"""Who is calling? A signature over the parameters (Upload API), or Basic with key and secret (Admin API, and uploads).

Decides only; `now` is an argument. Texts and statuses are those that Cloudinary's clients look for (cloudinary-compat
2.3). Every comparison of secrets takes constant time. Nothing here is logged with what the caller sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domicile.media.errors import BadRequest, BadSignature, Replayed, StaleRequest
from domicile.media.signature import LEFT_OUT_BY_SOME, verify_parameters
from origin.params import Params
from origin.records import Tenant

WINDOW_SECONDS = 3600
"""Age of a signed call; Cloudinary's window."""
AHEAD_SECONDS_MAX = 3600
"""How far a caller's clock may run ahead."""
DUPLICATE_SECONDS = 5
"""Two equal calls within one second carry equal signatures; beyond this, an equal one is a replay."""
SPENT_MAX = 100_000
"""Signatures of destructive calls that are remembered; when full, the oldest one goes."""
BASIC_CHARS_MAX = 1024

FindByKey = Callable[[str], Tenant | None]


@dataclass(slots=True)
class Spent:
    """Signatures of destructive calls that have acted; each acts once until its time-out (decisions H)."""

    seen: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def spend(self, signature: str, *, timestamp: int, now: float) -> None:
        """Raise Replayed for a signature that acted before, unless it is a quick repetition by its own caller."""
        while self.seen and (len(self.seen) >= SPENT_MAX or next(iter(self.seen.values())) < now - 2 * WINDOW_SECONDS):
            self.seen.popitem(last=False)
        if signature in self.seen and now - timestamp > DUPLICATE_SECONDS:
            raise Replayed("This signed request was used before")
        self.seen.setdefault(signature, now)


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
    tenant = _tenant_of(key, cloud, find)
    if not hmac.compare_digest(secret.encode(), tenant.api_secret.encode()):
        raise BadSignature("api_secret mismatch")
    return tenant


def check_signed(
    params: Params,
    cloud: str,
    find: FindByKey,
    *,
    now: float,
    allow_version_1: bool,
    notification_unsigned: bool = False,
) -> Tenant:
    """The tenant that signed these parameters. BadRequest | BadSignature | StaleRequest.

    `notification_unsigned`: tags, context and metadata calls, where some SDKs sign less than they send.
    """
    signature, key = params.text("signature"), params.text("api_key")
    if not signature and not key:
        raise BadRequest("Upload preset must be specified when using unsigned upload")
    if not signature:
        raise BadRequest("Missing required parameter - signature")
    if not key:
        raise BadRequest("Missing required parameter - api_key")
    tenant = _tenant_of(key, cloud, find)
    timestamp = timestamp_of(params)
    verify_parameters(
        params.values,
        signature,
        tenant.api_secret,
        allow_version_1=allow_version_1,
        may_be_left_out=LEFT_OUT_BY_SOME if notification_unsigned else frozenset(),
    )
    _check_time(timestamp, now)
    return tenant


def timestamp_of(params: Params) -> int:
    text = params.required("timestamp")
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise BadRequest("Invalid value for parameter timestamp")
    return int(text)


def _check_time(timestamp: int, now: float) -> None:
    shown = f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} +0000"
    if timestamp < now - WINDOW_SECONDS:
        raise StaleRequest(f"Stale request - reported time is {shown} which is more than 1 hour ago")
    if timestamp > now + AHEAD_SECONDS_MAX:
        raise StaleRequest(f"Stale request - reported time is {shown} which is more than 1 hour ahead")


def _tenant_of(key: str, cloud: str, find: FindByKey) -> Tenant:
    tenant = find(key)
    if tenant is None:
        raise BadSignature(f"Unknown API key {key[:64]}")
    if tenant.cloud != cloud:
        raise BadSignature("cloud_name mismatch")
    return tenant

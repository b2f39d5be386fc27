"""Any other CDN, by a webhook of its operator: signed as Standard Webhooks says, and taken for done only at a 200 or 204.

https://www.standardwebhooks.com: the signature is an HMAC over id, time stamp and body, each parted by a dot.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from domicile.media.cdn_calls.port import (
    Asked,
    Call,
    CdnAccount,
    Confirmed,
    Later,
    Speaker,
    Verdict,
    evidence,
    refused,
    retry_seconds,
)

TYPE = "cdn.purge"


def purge(account: CdnAccount, tags: Sequence[str], asked: Asked) -> Call:
    body = json.dumps({"type": TYPE, "data": {"tags": list(tags)}}).encode()
    stamp = str(int(asked.at))
    return Call(
        method="POST",
        url=f"{account.base}/{quote(account.zone.lstrip('/'), safe='/')}",
        headers={
            "Content-Type": "application/json",
            "webhook-id": asked.nonce,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature(account.credentials['secret'], asked.nonce, stamp, body)}",
        },
        body=body,
    )


def signature(secret: str, webhook_id: str, stamp: str, body: bytes) -> str:
    """The text of the secret is the key; where a library wants `whsec_…`, it is the base64 of that text."""
    signed = f"{webhook_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """A 202 is a promise: it is called again until it says that it is done. A JSON object may name the purge: `id`."""
    if status == 202:
        return Later(in_seconds=retry_seconds(headers.get("retry-after", "")))
    if status not in {200, 204}:
        return refused(status, headers)
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return Confirmed(evidence=evidence(told["id"]) if isinstance(told, dict) and "id" in told else f"status:{status}")


SPEAKER = Speaker(
    tags_max=100,
    credentials=("secret",),
    default_base="",
    needs_zone=False,
    purge=purge,
    verdict=verdict,
    sends_credentials=False,
    credential_characters_min=16,
)

"""Akamai: Fast Purge, delete by cache tag, signed by EdgeGrid.

https://techdocs.akamai.com/purge-cache/reference/delete-tag and the EdgeGrid authentication guide: the signature is an HMAC
over method, scheme, host, path, no headers, the hash of the body, and the header up to the signature itself; its key is an HMAC
of the time stamp.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from domicile.media.cdn_calls.port import (
    Asked,
    Call,
    CdnAccount,
    Confirmed,
    Failed,
    Speaker,
    Verdict,
    evidence,
    refused,
)

HASHED_BYTES_MAX = 131_072
"""Of the body; the rest is not signed, and no body of ours is as long."""
ESTIMATE_SECONDS_MAX = 3600.0


def purge(account: CdnAccount, tags: Sequence[str], asked: Asked) -> Call:
    url = f"{account.base}/ccu/v3/delete/tag/{quote(account.zone or 'production', safe='')}"
    body = json.dumps({"objects": list(tags)}).encode()
    headers = {"Authorization": authorization(account, "POST", url, body, asked), "Content-Type": "application/json"}
    return Call(method="POST", url=url, headers=headers, body=body)


def authorization(account: CdnAccount, method: str, url: str, body: bytes, asked: Asked) -> str:
    """EG1-HMAC-SHA256."""
    who, parts = account.credentials, urlsplit(url)
    stamp = datetime.fromtimestamp(asked.at, UTC).strftime("%Y%m%dT%H:%M:%S+0000")
    said = (
        f"EG1-HMAC-SHA256 client_token={who['client_token']};access_token={who['access_token']};"
        f"timestamp={stamp};nonce={asked.nonce};"
    )
    content = _base64(hashlib.sha256(body[:HASHED_BYTES_MAX]).digest()) if method == "POST" and body else ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    signed = f"{method}\t{parts.scheme}\t{parts.netloc}\t{path}\t\t{content}\t{said}"
    key = _base64(_hmac(who["client_secret"].encode(), stamp))
    return f"{said}signature={_base64(_hmac(key.encode(), signed))}"


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """A 201 says how long it will take."""
    if status != 201:
        return refused(status, headers)
    try:
        told = json.loads(body)
        seconds = float(told["estimatedSeconds"])
        purge_id = told["purgeId"]
    except (ValueError, KeyError, TypeError):
        return Failed(reason="the CDN's answer names no purge")
    if not 0 <= seconds <= ESTIMATE_SECONDS_MAX:
        return Failed(reason="the CDN's estimate makes no sense")
    return Confirmed(evidence=evidence(purge_id), in_seconds=seconds)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


SPEAKER = Speaker(
    tags_max=1000,
    credentials=("client_token", "access_token", "client_secret"),
    default_base="",
    needs_zone=False,
    purge=purge,
    verdict=verdict,
)

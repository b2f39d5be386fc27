"""Cloudflare: purge by cache tags. https://developers.cloudflare.com/api/resources/cache/methods/purge/"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

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


def purge(account: CdnAccount, tags: Sequence[str], _: Asked) -> Call:
    return Call(
        method="POST",
        url=f"{account.base}/client/v4/zones/{quote(account.zone, safe='')}/purge_cache",
        headers={"Authorization": f"Bearer {account.credentials['token']}", "Content-Type": "application/json"},
        body=json.dumps({"tags": list(tags)}).encode(),
    )


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """A 200 may say that it did not succeed."""
    if status != 200:
        return refused(status, headers)
    try:
        told = json.loads(body)
    except ValueError:
        return Failed(reason="the CDN's answer is no JSON")
    if not isinstance(told, dict) or told.get("success") is not True:
        return Failed(reason="the CDN says that the purge failed")
    result = told.get("result")
    return Confirmed(evidence=evidence(result.get("id", "") if isinstance(result, dict) else ""))


SPEAKER = Speaker(
    tags_max=30,
    credentials=("token",),
    default_base="https://api.cloudflare.com",
    needs_zone=True,
    purge=purge,
    verdict=verdict,
)

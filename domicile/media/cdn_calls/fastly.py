"""Fastly: purge by surrogate keys, hard. https://www.fastly.com/documentation/reference/api/purging/"""

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
        url=f"{account.base}/service/{quote(account.zone, safe='')}/purge",
        headers={
            "Fastly-Key": account.credentials["token"],
            "Accept": "application/json",
            "Content-Type": "application/json",
        },
        body=json.dumps({"surrogate_keys": list(tags)}).encode(),
    )


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """A 200 has the id of a purge for each key."""
    if status != 200:
        return refused(status, headers)
    try:
        told = json.loads(body)
    except ValueError:
        return Failed(reason="the CDN's answer is no JSON")
    if not isinstance(told, dict) or not told:
        return Failed(reason="the CDN's answer names no purge")
    return Confirmed(evidence=evidence(next(iter(told.values()))))


SPEAKER = Speaker(
    tags_max=256,
    credentials=("token",),
    default_base="https://api.fastly.com",
    needs_zone=True,
    purge=purge,
    verdict=verdict,
)

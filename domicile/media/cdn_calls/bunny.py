"""Bunny: purge a pull zone by one cache tag. https://docs.bunny.net/reference/pullzonepublic_purgecachepostbytag"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from domicile.media.cdn_calls.port import Asked, Call, CdnAccount, Confirmed, Speaker, Verdict, refused


def purge(account: CdnAccount, tags: Sequence[str], _: Asked) -> Call:
    (tag,) = tags
    return Call(
        method="POST",
        url=f"{account.base}/pullzone/{quote(account.zone, safe='')}/purgeCache",
        headers={"AccessKey": account.credentials["access_key"], "Content-Type": "application/json"},
        body=json.dumps({"CacheTag": tag}).encode(),
    )


def verdict(status: int, headers: Mapping[str, str], _: bytes) -> Verdict:
    return Confirmed(evidence=f"status:{status}") if status in {200, 204} else refused(status, headers)


SPEAKER = Speaker(
    tags_max=1,
    credentials=("access_key",),
    default_base="https://api.bunny.net",
    needs_zone=True,
    purge=purge,
    verdict=verdict,
)

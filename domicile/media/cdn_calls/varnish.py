"""A Varnish of one's own with deploy/cdn/varnish.vcl: PURGE with the keys of the xkey module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domicile.media.cdn_calls.port import Asked, Call, CdnAccount, Confirmed, Speaker, Verdict, refused


def purge(account: CdnAccount, tags: Sequence[str], _: Asked) -> Call:
    return Call(method="PURGE", url=f"{account.base}/", headers={"xkey": " ".join(tags)})


def verdict(status: int, headers: Mapping[str, str], _: bytes) -> Verdict:
    return Confirmed(evidence=f"status:{status}") if status == 200 else refused(status, headers)


SPEAKER = Speaker(tags_max=64, credentials=(), default_base="", needs_zone=False, purge=purge, verdict=verdict)

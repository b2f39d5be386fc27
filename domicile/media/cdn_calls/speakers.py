"""Which CDN is spoken to how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domicile.media.cdn_calls import akamai, bunny, cloudflare, cloudfront, fastly, varnish, webhook
from domicile.media.cdn_calls.port import ANSWER_BYTES_MAX, Asked, Call, CdnAccount, Failed, Speaker, Verdict

SPEAKERS: Mapping[str, Speaker] = {
    "fastly": fastly.SPEAKER,
    "cloudflare": cloudflare.SPEAKER,
    "cloudfront": cloudfront.SPEAKER,
    "akamai": akamai.SPEAKER,
    "bunny": bunny.SPEAKER,
    "varnish": varnish.SPEAKER,
    "generic": webhook.SPEAKER,
}
"""By the kind of `domicile.media.cdn`."""


def batches(kind: str, tags: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Tags of one call after another, each tag once."""
    once, most = tuple(dict.fromkeys(tags)), SPEAKERS[kind].tags_max
    for start in range(0, len(once), most):
        yield once[start : start + most]


def call_of(account: CdnAccount, tags: Sequence[str], asked: Asked) -> Call:
    """The call that has the CDN forget what bears one of these tags: one batch."""
    return SPEAKERS[account.kind].purge(account, tags, asked)


def follow_up_of(account: CdnAccount, token: str, asked: Asked) -> Call:
    """How is it getting on? Only after a `Later` with a token."""
    follow_up = SPEAKERS[account.kind].follow_up
    if follow_up is None:
        raise ValueError("this CDN says at once how it went")
    return follow_up(account, token, asked)


def verdict_of(kind: str, status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """`headers`: names in lower case. `body`: at most ANSWER_BYTES_MAX and one byte more, if it was longer."""
    if len(body) > ANSWER_BYTES_MAX:
        return Failed(reason="the CDN's answer is too long")
    return SPEAKERS[kind].verdict(status, headers, body)

"""CloudFront: an invalidation by cache tags, signed by Signature Version 4, asked after until it is completed.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html; tags are paths that begin with `#`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from domicile.media.cdn_calls.port import (
    Asked,
    Call,
    CdnAccount,
    Confirmed,
    Failed,
    Later,
    Speaker,
    Verdict,
    evidence,
    refused,
)

API = "2020-05-31"
REGION, SERVICE = "us-east-1", "cloudfront"
"""Where the API's one signing region is; no picture goes there, only opaque tags."""
FOLLOW_SECONDS = 5.0
_ID, _STATUS = re.compile(rb"<Id>([A-Za-z0-9]{1,64})</Id>"), re.compile(rb"<Status>([A-Za-z]{1,32})</Status>")


def purge(account: CdnAccount, tags: Sequence[str], asked: Asked) -> Call:
    """The caller's reference is the nonce: the same call twice is one invalidation."""
    items = "".join(f"<Path>#{tag}</Path>" for tag in tags)
    body = (
        f'<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/{API}/"><Paths><Quantity>{len(tags)}</Quantity>'
        f"<Items>{items}</Items></Paths><CallerReference>{asked.nonce}</CallerReference></InvalidationBatch>"
    ).encode()
    return _signed(account, "POST", f"{_invalidations(account)}", body, asked)


def follow_up(account: CdnAccount, token: str, asked: Asked) -> Call:
    return _signed(account, "GET", f"{_invalidations(account)}/{quote(token, safe='')}", b"", asked)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if status not in {200, 201}:
        return refused(status, headers)
    found, state = _ID.search(body), _STATUS.search(body)
    if found is None or state is None:
        return Failed(reason="the CDN's answer names no invalidation")
    if state[1] == b"Completed":
        return Confirmed(evidence=evidence(found[1].decode()))
    return Later(in_seconds=FOLLOW_SECONDS, token=found[1].decode())


def _invalidations(account: CdnAccount) -> str:
    return f"{account.base}/{API}/distribution/{quote(account.zone, safe='')}/invalidation"


def _signed(account: CdnAccount, method: str, url: str, body: bytes, asked: Asked) -> Call:
    """Signature Version 4, with the host and the time signed."""
    parts, moment = urlsplit(url), datetime.fromtimestamp(asked.at, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    digest, scope = hashlib.sha256(body).hexdigest(), f"{day}/{REGION}/{SERVICE}/aws4_request"
    canonical = "\n".join(
        (method, parts.path, "", f"host:{parts.netloc}", f"x-amz-date:{stamp}", "", "host;x-amz-date", digest)
    )
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{account.credentials['secret_access_key']}".encode()
    for part in (day, REGION, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    said = (
        f"AWS4-HMAC-SHA256 Credential={account.credentials['access_key_id']}/{scope}, SignedHeaders=host;x-amz-date,"
        f" Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
    )
    headers = {"Authorization": said, "X-Amz-Date": stamp}
    return Call(method=method, url=url, headers=headers | ({"Content-Type": "text/xml"} if body else {}), body=body)


SPEAKER = Speaker(
    tags_max=50,
    credentials=("access_key_id", "secret_access_key"),
    default_base="https://cloudfront.amazonaws.com",
    needs_zone=True,
    purge=purge,
    verdict=verdict,
    follow_up=follow_up,
)

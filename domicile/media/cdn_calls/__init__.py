"""What is said to a CDN to have it forget, and what its answers mean: pure, one CDN a file.

`call_of` and `verdict_of` pick the CDN; nothing here sends anything. Facts from the CDNs' own documentation of their APIs.
"""

from domicile.media.cdn_calls.port import Asked, Call, CdnAccount, Confirmed, Failed, Later, Verdict
from domicile.media.cdn_calls.speakers import SPEAKERS, batches, call_of, follow_up_of, verdict_of

__all__ = [
    "SPEAKERS",
    "Asked",
    "Call",
    "CdnAccount",
    "Confirmed",
    "Failed",
    "Later",
    "Verdict",
    "batches",
    "call_of",
    "follow_up_of",
    "verdict_of",
]

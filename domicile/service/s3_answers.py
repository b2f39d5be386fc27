"""What an answer of S3 means for the call, and how long to wait before the next try: pure, no sockets."""

from __future__ import annotations

from enum import StrEnum

MISSING_CODES = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound"})
ELSEWHERE_CODES = frozenset(
    {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
    | {"Redirect", "TemporaryRedirect"}
)
AGAIN_CODES = frozenset(
    {"BadDigest", "IncompleteBody", "InternalError", "InvalidDigest", "OperationAborted", "RequestTimeout", "SlowDown"}
    | {"ServiceUnavailable", "Throttling", "TooManyRequests", "XAmzContentSHA256Mismatch"}
)
"""Of the digests: a body that was damaged on its way is sent again."""

PAUSE_SECONDS_MIN = 0.05
PAUSE_SECONDS_MAX = 5.0
PAUSE_DOUBLINGS_MAX = 10


class Verdict(StrEnum):
    MISSING = "missing"
    """There is no such object, or no such upload."""
    AGAIN = "again"
    """The service, or the way to it, had a bad moment."""
    ELSEWHERE = "elsewhere"
    """The bucket lies in another region; nothing is followed."""
    REFUSED = "refused"
    """It will say the same next time: credentials, rights, a bucket that has gone."""


def verdict_of(status: int, code: str) -> Verdict:
    """Of an answer that is no success.

    >>> verdict_of(503, "SlowDown")
    <Verdict.AGAIN: 'again'>
    """
    if code in ELSEWHERE_CODES or 300 <= status < 400:
        return Verdict.ELSEWHERE
    if code in MISSING_CODES:
        return Verdict.MISSING
    if code == "NotImplemented":
        return Verdict.REFUSED
    if code in AGAIN_CODES or status >= 500 or status in {408, 429}:
        return Verdict.AGAIN
    return Verdict.REFUSED


def pause_seconds(tries: int, chance: float) -> float:
    """Before the next try, after `tries` of them; `chance` in [0, 1) spreads callers who failed together."""
    bound = PAUSE_SECONDS_MIN * 2.0 ** min(tries, PAUSE_DOUBLINGS_MAX)
    return PAUSE_SECONDS_MIN + chance * min(bound, PAUSE_SECONDS_MAX)

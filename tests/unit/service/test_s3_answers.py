"""What an answer of S3 means, and how long the next try waits."""

from __future__ import annotations

import pytest

from domicile.service.s3_answers import (
    PAUSE_SECONDS_MAX,
    PAUSE_SECONDS_MIN,
    Verdict,
    pause_seconds,
    verdict_of,
)


@pytest.mark.parametrize(
    "status, code, verdict",
    [
        (404, "NoSuchKey", Verdict.MISSING),
        (404, "404", Verdict.MISSING),
        (404, "NoSuchUpload", Verdict.MISSING),
        (404, "NoSuchBucket", Verdict.REFUSED),
        (500, "InternalError", Verdict.AGAIN),
        (503, "SlowDown", Verdict.AGAIN),
        (502, "", Verdict.AGAIN),
        (429, "", Verdict.AGAIN),
        (400, "RequestTimeout", Verdict.AGAIN),
        (400, "BadDigest", Verdict.AGAIN),
        (301, "PermanentRedirect", Verdict.ELSEWHERE),
        (307, "", Verdict.ELSEWHERE),
        (400, "AuthorizationHeaderMalformed", Verdict.ELSEWHERE),
        (403, "AccessDenied", Verdict.REFUSED),
        (403, "SignatureDoesNotMatch", Verdict.REFUSED),
        (412, "PreconditionFailed", Verdict.REFUSED),
        (501, "NotImplemented", Verdict.REFUSED),
        (0, "", Verdict.REFUSED),
    ],
)
def test_an_answer_means_one_thing(status: int, code: str, verdict: Verdict) -> None:
    assert verdict_of(status, code) is verdict


def test_pauses_grow_to_a_limit_and_are_spread() -> None:
    longest = [pause_seconds(tries, 0.999) for tries in range(1, 200)]
    assert longest == sorted(longest)
    assert PAUSE_SECONDS_MAX < longest[-1] <= PAUSE_SECONDS_MIN + PAUSE_SECONDS_MAX
    assert all(pause_seconds(tries, 0.0) == PAUSE_SECONDS_MIN for tries in range(1, 200))

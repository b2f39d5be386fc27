"""The words between us and any CDN: an account there, a call, and what its answer means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ANSWER_BYTES_MAX = 64 * 1024
"""Of an answer that is looked at."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1.0, 3600.0
"""What a `Retry-After` may say."""
EVIDENCE_CHARACTERS_MAX = 128
_EVIDENCE = re.compile(r"[^A-Za-z0-9._:-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnAccount:
    """Where a CDN's API is, and who we are there."""

    kind: str
    """One of `domicile.media.cdn.CDNS`."""
    base: str
    """Scheme and authority of the API, without a slash at its end."""
    zone: str = ""
    """The service, zone, distribution or pull zone; of a webhook its path."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By the CDN's own words for them, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call is made with besides tags: nothing here reads a clock or makes a number up."""

    at: float
    """Seconds of the wall clock."""
    nonce: str
    """Never used before; hexadecimal, 32 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The CDN has forgotten, or will have in so many seconds."""

    evidence: str
    """The CDN's own name for this purge, for the statement."""
    in_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Nothing is known yet: ask again, by the same call or, if there is a `token`, by `follow_up_of` it."""

    in_seconds: float
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It did not. Repeating the same call may help only when somebody has changed something."""

    reason: str
    """Of ours: no word of the answer."""


Verdict = Confirmed | Later | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """How one CDN is spoken to."""

    tags_max: int
    """Of one call."""
    credentials: tuple[str, ...]
    """Names that an account must have."""
    default_base: str
    """Its API; empty where the account has to say."""
    needs_zone: bool
    purge: Callable[[CdnAccount, Sequence[str], Asked], Call]
    verdict: Callable[[int, Mapping[str, str], bytes], Verdict]
    sends_credentials: bool = True
    """False: they only sign, and stay here."""
    credential_characters_min: int = 1
    follow_up: Callable[[CdnAccount, str, Asked], Call] | None = None
    """The call that asks how a purge is getting on."""


def evidence(text: object) -> str:
    """A name that came from outside, fit for a statement."""
    return _EVIDENCE.sub("_", str(text))[:EVIDENCE_CHARACTERS_MAX]


def refused(status: int, headers: Mapping[str, str]) -> Verdict:
    """What everything but success means, wherever it comes from. `headers`: names in lower case."""
    if status == 429 or status >= 500 or status == 408:
        return Later(in_seconds=retry_seconds(headers.get("retry-after", "")))
    if status in {401, 403}:
        return Failed(reason="the CDN does not take the credentials")
    return Failed(reason=f"the CDN answered {status}")


def retry_seconds(text: str) -> float:
    """A Retry-After in seconds, within bounds; a date counts as none."""
    said = float(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else RETRY_SECONDS_MIN
    return min(max(said, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)

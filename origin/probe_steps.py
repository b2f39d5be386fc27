"""What comes next for a probe at one place: pure decisions; `records.probing` holds what they stand on.

pending   not asked yet, or not so that it says anything: asked again, ever more rarely; an edge within EDGE_RETRY_SECONDS_MAX
verified  it was asked, and gave nothing away
failed    its patience is over: the erasure ends, and says of this place that it is not verified
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from domicile.media.probe import KnownUrl, Seen, Tally
from domicile.media.url import on_own_host

RETRY_SECONDS, RETRY_SECONDS_MAX = 1.0, 600.0
EDGE_RETRY_SECONDS_MAX = 4.0
"""Of an edge, which asks itself: a worker that hung for minutes keeps an erasure open for so much longer, and not for as long again."""
DOUBLINGS_MAX = 16
PATIENCE_SECONDS = 3600.0
"""How long a place is asked again after the last copy in it was to be too old."""
NOT_ASKED = "it was not asked yet"
SILENT = "an edge has not said what it sees"
NO_ADDRESS = "no address of it is known: hosts in cdns.toml"
NO_URLS = "the erasure is of an older release: nothing is known to ask for"
NO_QUESTIONS = "nothing could be asked: no address of what was erased is known"
WHY = {
    Seen.BYTES: "it still gave bytes of it away",
    Seen.REFUSED: "it refused to be asked",
    Seen.LIMITED: "it limits how often it is asked (429)",
    Seen.UNREACHABLE: "it did not answer",
    Seen.UNJUDGED: "nothing that it answered tells",
}
"""What is said of a place that is not verified, by what was seen there last."""


class Outcome(StrEnum):
    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a place has come."""

    outcome: Outcome = Outcome.PENDING
    tries: int = 0
    vain: int = 0
    """Of them the last ones, none of which came further than the one before."""
    due_at: float = 0.0
    """When it is asked next; when it was settled, once it is."""
    until: float = 0.0
    """End of the patience; of the wall clock, like the others."""
    tally: Tally = field(default_factory=Tally)
    """Of the last try, and of those before it that it went on with."""
    why: str = NOT_ASKED

    @property
    def is_settled(self) -> bool:
        return self.outcome is not Outcome.PENDING

    @property
    def is_in_trouble(self) -> bool:
        """It was asked, and did not say what it should have."""
        return self.outcome is Outcome.FAILED or (self.outcome is Outcome.PENDING and self.tries > 0)


def begun(standing: Standing) -> Tally:
    """What the next try begins with: one that met a limit goes on where it was, since the first questions would use it up again."""
    tally = standing.tally
    if tally.verdict is not Seen.LIMITED:
        return Tally()
    return replace(tally, asked=tally.asked - tally.limited, limited=0)


def answered(
    standing: Standing,
    tally: Tally,
    *,
    now: float,
    wait_seconds: float = 0.0,
    pause_seconds_max: float = RETRY_SECONDS_MAX,
) -> Standing:
    """After a try. `wait_seconds`: what a place that limits how often it is asked says."""
    verdict = tally.verdict
    is_further = verdict is Seen.LIMITED and tally.asked - tally.limited > begun(standing).asked
    vain = 0 if is_further else standing.vain
    tried = replace(standing, tries=standing.tries + 1, vain=vain + 1, tally=tally)
    if verdict is Seen.ABSENT:
        return replace(tried, outcome=Outcome.VERIFIED, due_at=now, why="")
    due_at = now + max(min(pause(vain), pause_seconds_max), min(wait_seconds, RETRY_SECONDS_MAX))
    return failed_if_over(replace(tried, due_at=due_at, why=WHY[verdict]), now=now)


def failed_if_over(standing: Standing, *, now: float) -> Standing:
    """Nobody waits for ever."""
    if standing.is_settled or now < standing.until:
        return standing
    return replace(standing, outcome=Outcome.FAILED, due_at=now)


def never(why: str, *, now: float) -> Standing:
    """One that cannot be asked at all."""
    return Standing(outcome=Outcome.FAILED, due_at=now, until=now, why=why)


def on_own_hosts(urls: Sequence[KnownUrl]) -> tuple[KnownUrl, ...]:
    """As viewers write them on a host of one cloud alone, and as some SDKs do: with the cloud all the same."""
    both = ((on_own_host(url.target), url) for url in urls)
    own = tuple(msgspec.structs.replace(url, target=target) for target, url in both if target is not None)
    return (*own, *urls)


def pause(vain: int) -> float:
    """Before the next try."""
    return min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2.0 ** min(vain, DOUBLINGS_MAX))

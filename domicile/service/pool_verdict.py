"""Who is to blame for a decoder's end: the job, an earlier job of the same process, or the machine? Decides, does nothing.

Only a fresh process proves anything. In one that has worked before, the heap that earlier jobs left counts against the
limit, and an earlier picture may have taken it over: the job is tried once more where neither can be. A machine that
has no time or no memory left is not the picture's fault either (decisions K: overload is 503 or 429, and is not
remembered).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from domicile.media.errors import LimitExceeded, MediaError, Overloaded, ProcessingFailed, UndecodableMedia

Death = Literal[
    "crash",
    "out_of_memory",
    "memory",
    "cpu_limit",
    "time_limit",
    "starved",
    "protocol",
    "handler_failed",
    "cancelled",
    "closed",
    "zygote_lost",
]
"""Why a decoder process ended before its time. `memory`: our limit; `out_of_memory`: the kernel's choice. `time_limit`:
it stood still; `starved`: it ran, and the machine did not let it come to an end.
"""

UNDECODABLE = "Invalid image file"
"""All that a caller learns about a crash."""
STILL_SHARE = 0.5
"""A job that did nothing for this part of its time, and was not waiting for a processor, hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a running job is held to."""

    seconds_max: float
    cpu_seconds_max: float
    memory_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A running job, as it looks from outside."""

    seconds: float
    """Since it was sent."""
    cpu_seconds: float
    """Used by all threads of its process, since it was sent."""
    still_seconds: float
    """Since it last used a processor, or wanted to."""
    resident_bytes: int


class Verdict(Enum):
    """What follows from a decoder's end."""

    AGAIN = "again"
    """Try it on a fresh process."""
    GUILTY = "guilty"
    """The job did it, and would do it again."""
    SUSPECT = "suspect"
    """The machine did it; when it happens again to the same job, the job did."""
    OVERLOADED = "overloaded"
    """The machine did it."""


def overrun(seen: Seen, bounds: Bounds) -> Death | None:
    """Which bound is broken, if one is."""
    if seen.resident_bytes > bounds.memory_bytes_max:
        return "memory"
    if seen.cpu_seconds > bounds.cpu_seconds_max:
        return "cpu_limit"
    if seen.seconds < bounds.seconds_max:
        return None
    return "time_limit" if seen.still_seconds >= bounds.seconds_max * STILL_SHARE else "starved"


def verdict_on(death: Death, *, was_fresh: bool) -> Verdict:
    """`was_fresh`: the process had done no other job."""
    if death in {"closed", "zygote_lost", "starved", "cancelled"}:
        return Verdict.OVERLOADED
    if not was_fresh:
        return Verdict.AGAIN
    return Verdict.SUSPECT if death == "out_of_memory" else Verdict.GUILTY


def answer_to(death: Death) -> MediaError:
    """What the caller of a guilty job is told."""
    match death:
        case "memory" | "out_of_memory":
            return LimitExceeded("Image needs more memory than allowed")
        case "cpu_limit" | "time_limit":
            return LimitExceeded("Image takes more time than allowed")
        case "handler_failed":
            return ProcessingFailed("The image could not be processed")
        case _:
            return UndecodableMedia(UNDECODABLE)


class Guilty(Exception):
    """A job ended its process, and nothing but the job (or, not proved, the machine) can have done it."""

    def __init__(self, death: Death, *, is_proved: bool) -> None:
        super().__init__(death)
        self.death: Death = death
        self.is_proved = is_proved

    def answer(self) -> MediaError:
        return answer_to(self.death) if self.is_proved else Overloaded("No image can be processed now")

"""When a node begins anew although none of its processes ended, and under which id.

A machine that was copied while it ran has in its kernel the random numbers of the other one, too, until something else goes in:
what is different in the two is the time at which they go on.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from enum import StrEnum

START_BYTES = 16


class Cause(StrEnum):
    """Why this may not be the only machine that is what it was."""

    CLOCK = "clock"
    """The wall clock was set."""
    GENERATION = "generation"
    """The hypervisor says so."""
    ORIGIN = "origin"
    """The origin was shown a nonce twice."""


def new_start(before: str) -> str:
    """32 hex digits that no other machine has, nor will have."""
    clocks = (time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.perf_counter_ns())
    made = f"{before} {secrets.token_hex(START_BYTES)} {clocks}"
    return hashlib.blake2b(made.encode(), digest_size=START_BYTES).hexdigest()

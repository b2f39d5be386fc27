"""Which start of a node the origin hears from, and when it begins anew although none of its processes ended.

A machine that was copied while it ran has in its kernel the random numbers of the other one, too, until something else goes in:
what is different in the two is the time at which they go on.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from domicile.media.errors import BootSplit
from edge.page import SharedPage

START_BYTES = 16

log = structlog.get_logger("edge.starts")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this node says it is."""

    node: str
    boot: str
    """Of a new page; `Starts.identity` has the one of now."""
    region: str
    authorities: tuple[str, ...]


class Starts:
    """Of one node, one after the other. The page holds id and nonce, so that an agent that starts again goes on under them."""

    def __init__(self, identity: Identity, page: SharedPage, *, give_up: Callable[[], None]) -> None:
        """`give_up`: called when what was granted counts no more."""
        page.start = page.start or identity.boot
        self.identity = replace(identity, boot=page.start)
        self.begun_anew = 0
        self._page = page
        self._give_up = give_up

    def begin_anew(self, cause: Cause) -> None:
        """This may not be the only machine that is what it was: nothing that was granted counts, and what comes is another start.
        Nothing is said for the one before: another may be serving under it.
        """
        log.warning("start_given_up", cause=cause)
        self.begun_anew += 1
        self._page.nonce, self._page.start = 0, new_start(self.identity.boot)
        self.identity = replace(self.identity, boot=self._page.start)
        self._give_up()

    @contextmanager
    def told_apart(self) -> Iterator[None]:
        """Around calls that show the nonce."""
        boot = self.identity.boot
        try:
            yield
        except BootSplit:
            if boot == self.identity.boot:
                self.begin_anew(Cause.ORIGIN)
            raise

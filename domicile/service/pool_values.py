"""What the decoder pool returns, and where its numbers go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domicile.imaging.job import Done
from domicile.service.line import LineObserver


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Facts of a source."""

    done: Done
    queued_seconds: float
    """Time in the queue and until a process was ready."""
    resident_bytes: int
    """Most memory that the process ever held, by its own account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A rendition."""

    done: Done
    body: bytes
    queued_seconds: float
    resident_bytes: int


class PoolObserver(LineObserver, Protocol):
    """Where the pool's numbers go. Labels are bounded: kinds, formats of renditions, outcomes, reasons."""

    def on_job(self, kind: str, format: str, seconds: float, outcome: str) -> None:  # noqa: A002 - a metric's label
        """`outcome`: done, the code of a refusal, or the reason of a kill. `format`: of the rendition, or empty."""

    def on_worker_killed(self, reason: str) -> None: ...


class NoObserver:
    """Counts nothing."""

    def on_queue_depth(self, depth: int) -> None: ...

    def on_working(self, jobs: int) -> None: ...

    def on_wait(self, seconds: float) -> None: ...

    def on_turned_away(self, reason: str) -> None: ...

    def on_job(self, kind: str, format: str, seconds: float, outcome: str) -> None: ...  # noqa: A002

    def on_worker_killed(self, reason: str) -> None: ...

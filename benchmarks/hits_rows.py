"""Rows of `hits` from what was taken: what is compared in which situation, with which target, and whether it can be believed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from benchmarks.load import Run
from benchmarks.measured import Counted
from benchmarks.probe import Probed

SECONDS, MEMORY = "domicile_edge_request_seconds", {"route": "delivery", "cache": "memory"}
OURS = "domicile"


class Kind(StrEnum):
    """How hits are asked for, and what goes on meanwhile."""

    REPEATED = "repeated headers"
    UNIQUE = "unique Referer"
    BUSY = "purges and fills"
    PACED = "p99 at a fixed rate"
    TRANSFORMS = "p99 at a fixed rate, transforms on the other core"
    PROBE = "by a probe"
    PROBE_TRANSFORMS = "by a probe, transforms on the other core"
    PROBE_PACED = "by a probe beside a fixed rate"
    PROBE_PACED_TRANSFORMS = "by a probe beside a fixed rate, transforms on the other core"
    NO_ERASURES = "beside no erasures"
    ERASURE = "beside 1 erasure a second"
    ERASURES = "beside 30 erasures a second"
    TWO_WORKERS = "2 workers by CPU"


@dataclass(frozen=True, slots=True)
class Situation:
    size: str
    kind: Kind

    @property
    def label(self) -> str:
        return f"hit {self.size}" + ("" if self.kind is Kind.REPEATED else f", {self.kind}")

    @property
    def workers(self) -> int:
        return 2 if self.kind is Kind.TWO_WORKERS else 1


WITHOUT_TRANSFORMS = {
    Kind.TRANSFORMS: Kind.PACED,
    Kind.PROBE_TRANSFORMS: Kind.PROBE,
    Kind.PROBE_PACED_TRANSFORMS: Kind.PROBE_PACED,
}
"""A kind with transforms on the other core, and what it is held against."""
PROBED = frozenset({Kind.PROBE, Kind.PROBE_TRANSFORMS, Kind.PROBE_PACED, Kind.PROBE_PACED_TRANSFORMS})
"""What is measured is the probe's (benchmarks/probe.py), and not wrk's."""
AT_A_RATE = frozenset({Kind.PACED, Kind.TRANSFORMS, Kind.PROBE_PACED, Kind.PROBE_PACED_TRANSFORMS})
P99_KINDS = tuple(kind for busy, quiet in WITHOUT_TRANSFORMS.items() for kind in (quiet, busy))
"""Each quiet one before the one with transforms."""
P99_SIZE = "20 KB"
ERASED_PER_SECOND = {Kind.NO_ERASURES: 0.0, Kind.ERASURE: 1.0, Kind.ERASURES: 30.0}
"""Erasures of other assets of the cloud, through the origin; the first is what the others are held against."""
TARGETS = {
    ("nginx", "2 KB", Kind.REPEATED): 1.3,
    ("nginx", "20 KB", Kind.REPEATED): 1.2,
    ("nginx", "100 KB", Kind.REPEATED): 1.0,
    ("nginx", "20 KB", Kind.UNIQUE): 1.0,
    ("nginx", P99_SIZE, Kind.PACED): 1.0,
}
"""Times as fast as the peer."""
TARGETS_REPEATED = {"varnish": 2.5, "aiohttp": 5.0}
"""For every size."""
P99_OF_QUIET_MAX = 3.0
"""p99 of hits while transforms take the other core, over p99 when they do not, in the same run."""
SATURATED = 0.9
"""Share of the other core that is taken when transforms are said to take it."""


def situations(sizes: Sequence[str], *, only: str = "") -> list[Situation]:
    """In the order that they are measured in. `only`: a part of the labels; that against which one is held comes along."""
    everything = [
        *(Situation(size, kind) for kind in (Kind.REPEATED, Kind.UNIQUE, Kind.BUSY) for size in sizes),
        *(Situation(P99_SIZE, kind) for kind in P99_KINDS),
        *(Situation(P99_SIZE, kind) for kind in ERASED_PER_SECOND),
        *(Situation(size, Kind.TWO_WORKERS) for size in sizes),
    ]
    chosen = {situation for situation in everything if only in situation.label}
    chosen |= {quiet(situation) for situation in chosen}
    return [situation for situation in everything if situation in chosen]


def quiet(situation: Situation) -> Situation:
    """The same without what goes on meanwhile."""
    if situation.kind is Kind.BUSY:
        return Situation(situation.size, Kind.REPEATED)
    if situation.kind in ERASED_PER_SECOND:
        return Situation(situation.size, Kind.NO_ERASURES)
    return Situation(situation.size, WITHOUT_TRANSFORMS.get(situation.kind, situation.kind))


def servers(kind: Kind, names: Sequence[str]) -> list[str]:
    """Who takes part: what is no cache fills nothing, and only ours transforms."""
    if kind in WITHOUT_TRANSFORMS or kind in ERASED_PER_SECOND:
        return [OURS]
    if kind in P99_KINDS:
        return [name for name in names if name in {OURS, "nginx"}]
    return [name for name in names if kind is not Kind.BUSY or name != "aiohttp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One run against one server."""

    run: Run
    done: Mapping[str, int] = field(default_factory=dict)
    """What was done beside the load, by name."""
    failures: Sequence[str] = ()
    """Of what was done beside the load."""
    passed_on: int = 0
    """A peer's requests that came to its origin."""
    seen: Counted | None = None
    """What ours counted."""
    other_core_busy: float = 0.0
    beside: int = 0
    """Requests of a load that went on beside the probe."""
    probed: Probed | None = None

    @property
    def is_honest(self) -> bool:
        """Every request a hit of the tier that is measured, everything beside the load done, and nothing failed."""
        if self.run.requests <= 0 or self.run.errors or self.failures or 0 in self.done.values():
            return False
        if "transforms" in self.done and self.other_core_busy < SATURATED:
            return False
        made = self.done.get("fills", 0) + self.done.get("transforms", 0)
        if self.seen is None:
            return self.passed_on == made
        hits, fills = self.seen.memory_hits, self.seen.fills
        if "erasures" in self.done:  # a worker that takes another's place after one has its first hits from the disk
            hits, fills = self.seen.hits, self.seen.made
        all_filled = fills >= made if made else fills == 0
        return all_filled and hits >= self.run.requests + self.beside and self.seen.purges == self.done.get("purges", 0)


Compared = Callable[[Run, Run], float]
"""Ours and the peer's -> how many times as good ours is."""


def by_rate(ours: Run, peer: Run) -> float:
    return ours.per_second / peer.per_second


def by_cpu(ours: Run, peer: Run) -> float:
    return peer.cpu_us / ours.cpu_us if ours.cpu_us else 0.0  # too short a run: nothing was counted


def by_p99(ours: Run, peer: Run) -> float:
    return peer.p99_ms / ours.p99_ms


COMPARED: dict[Kind, Compared] = {Kind.TWO_WORKERS: by_cpu, **dict.fromkeys(P99_KINDS, by_p99)}
"""What `ratio` is made of; of requests a second where nothing is said."""


def rows(
    situation: Situation,
    body_bytes: int,
    taken: Mapping[str, Sequence[Taken]],
    *,
    before: Sequence[Taken] = (),
    notes: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One a server, ours first. `taken`: by server, in rounds; `before`: ours in the quiet situation."""
    ours = taken[OURS]
    made = [_own(situation, body_bytes, ours, before) | _note(notes, OURS)]
    for name, theirs in taken.items():
        if name != OURS:
            made.append(_peers(situation, name, body_bytes, ours, theirs) | _note(notes, name))
    return made


def _note(notes: Mapping[str, str], name: str) -> dict[str, str]:
    return {"note": notes[name]} if name in notes else {}


def _own(situation: Situation, body_bytes: int, ours: Sequence[Taken], before: Sequence[Taken]) -> dict[str, Any]:
    counted = [each.seen for each in ours if each.seen is not None]
    row = _common(situation.label, OURS, body_bytes, ours)
    row |= {
        "server_mean_ms": statistics.median(each.edge.mean(SECONDS, **MEMORY) * 1e3 for each in counted),
        "server_p99_ms_max": statistics.median(each.edge.quantile(SECONDS, 0.99, **MEMORY) * 1e3 for each in counted),
        "server_memory_hits": sum(each.memory_hits for each in counted),
        "server_fills": sum(each.fills for each in counted),
    }
    if before:
        rate, p99 = _middle(before, "per_second"), _middle(before, "p99_ms")
        row |= {"rate_of_quiet": row["requests_s"] / rate, "p99_of_quiet": row["p99_ms"] / p99}
    if situation.kind in ERASED_PER_SECOND:
        seconds = sum(each.run.requests / each.run.per_second for each in ours if each.run.requests)
        row["erasures_s"] = sum(each.done.get("erasures", 0) for each in ours) / seconds if seconds else 0.0
    if situation.kind in P99_KINDS:
        row["other_core_busy"] = statistics.median(each.other_core_busy for each in ours)
    if situation.kind in WITHOUT_TRANSFORMS:
        row |= {"target": f"p99_of_quiet <= {P99_OF_QUIET_MAX:g}", "met": row["p99_of_quiet"] <= P99_OF_QUIET_MAX}
    return row


def _peers(
    situation: Situation, name: str, body_bytes: int, ours: Sequence[Taken], theirs: Sequence[Taken]
) -> dict[str, Any]:
    compared = COMPARED.get(situation.kind, by_rate)
    pairs = [(mine.run, other.run) for mine, other in zip(ours, theirs, strict=True)]
    ratios = [compared(*pair) for pair in pairs]
    row = _common(f"{situation.label}, {name}", name, body_bytes, theirs)
    row |= {
        "peer_passed_on": sum(each.passed_on for each in theirs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "cpu_ratio": statistics.median(by_cpu(*pair) for pair in pairs),
        "p99_ratio": statistics.median(by_p99(*pair) for pair in pairs),
    }
    target = TARGETS.get((name, situation.size, situation.kind))
    if target is None and situation.kind is Kind.REPEATED:
        target = TARGETS_REPEATED.get(name)
    return row | ({} if target is None else {"target": target, "met": row["ratio"] >= target})


def _common(what: str, name: str, body_bytes: int, taken: Sequence[Taken]) -> dict[str, Any]:
    done = sorted({side for each in taken for side in each.done})
    failures = [failure for each in taken for failure in each.failures]
    row: dict[str, Any] = {
        "what": what,
        "server": name,
        "body_bytes": body_bytes,
        "requests_s": _middle(taken, "per_second"),
        "p50_ms": _middle(taken, "p50_ms"),
        "p99_ms": _middle(taken, "p99_ms"),
        "cpu_us": _middle(taken, "cpu_us"),
        "load_busy": _middle(taken, "load_busy"),
        "meanwhile": ", ".join(f"{sum(each.done.get(side, 0) for each in taken)} {side}" for side in done),
        "client_requests": sum(each.run.requests for each in taken),
        "errors": sum(each.run.errors for each in taken) + len(failures),
        "within": all(each.is_honest for each in taken),
        "runs": [asdict(each.run) | {"meanwhile": dict(each.done)} for each in taken],
    }
    probed = [each.probed for each in taken if each.probed is not None]
    if probed:
        row |= {
            "probe_realtime": all(each.realtime for each in probed),
            "probe_late_p99_ms": statistics.median(each.late_p99_ms for each in probed),
            "probe_max_ms": max(each.max_ms for each in probed),
            "beside": sum(each.beside for each in taken),
        }
    return row | ({"failures": sorted(set(failures))[:3]} if failures else {})


def _middle(taken: Sequence[Taken], of: str) -> float:
    return statistics.median(float(getattr(each.run, of)) for each in taken)

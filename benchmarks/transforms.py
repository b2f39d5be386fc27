"""Uncached renditions, the same work in one run: Domicile (all of it, through HTTP), thumbor, sharp, libvips, Pillow.

Rounds are interleaved, one request at a time, each in a width that was not asked for before. Everybody is given the same
sources, widths and qualities, and one thread for a picture. The libraries have no server around them.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import pictures
from benchmarks.load import cpu_seconds, peak_rss_bytes
from benchmarks.peer import Absent, Installed, Peer, Task, cleaned
from benchmarks.peer_bare import Bare
from benchmarks.peer_domicile import Domicile
from benchmarks.peer_sharp import Sharp
from benchmarks.peer_thumbor import Thumbor
from benchmarks.score import frames_of, score

SIZES = {24: (6000, 4000), 12: (4000, 3000), 2: (1600, 1200)}
TARGETS = {
    ("thumbor", "2 MP -> 400 jpg"): 2.0,
    ("thumbor", "12 MP -> 800 webp"): 3.0,
    ("thumbor", "12 MP -> 800 jpg"): 6.0,
}
"""Times as fast as the peer; against sharp every row is to be at least as fast."""
SHARP_TARGET = 1.0
MIB = 1024 * 1024
IDLE_SECONDS = 3.0
"""How long each engine is looked at while nobody asks it for anything."""
PEERS = Path(__file__).parent / "results" / ".peers"


def tasks() -> list[Task]:
    photos = [
        Task(
            label=f"{megapixels} MP -> {width} {extension}",
            source=f"photo{megapixels}.jpg",
            width=width,
            extension=extension,
        )
        for megapixels in SIZES
        for width in (800, 400, 200)
        for extension in ("jpg", "webp", "avif")
    ]
    return [
        *photos,
        Task(label="PNG with alpha 3 MP -> 400 webp", source="cutout.png", width=400, extension="webp"),
        Task(label="GIF of 24 frames -> 300 webp", source="animation.gif", width=300, extension="webp"),
    ]


def draw(directory: Path, wanted: list[Task], *, scale: float = 1.0) -> None:
    """The sources of those tasks. `scale`: of their sides, for a trial."""
    needed = {task.source for task in wanted}
    for megapixels, (width, height) in SIZES.items():
        if (name := f"photo{megapixels}.jpg") in needed:
            (directory / name).write_bytes(pictures.photo(round(width * scale), round(height * scale)))
    if "cutout.png" in needed:
        (directory / "cutout.png").write_bytes(pictures.cutout(round(2048 * scale), round(1536 * scale)))
    if "animation.gif" in needed:
        (directory / "animation.gif").write_bytes(pictures.animation(round(480 * scale), round(360 * scale), 24))


@dataclass(slots=True)
class Measured:
    """One task on one engine."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    peak_bytes: int = 0
    body: bytes = b""
    """The first rendition."""
    failure: str = ""


def measure(
    work: Path,
    results: Path,
    *,
    rounds: int,
    per_round: int = 6,
    only: str = "",
    scale: float = 1.0,
    may_install: bool = True,
) -> list[dict[str, Any]]:
    """`only`: a part of the labels of tasks. `scale`: of sources and widths, for a trial."""
    chosen = [task for task in tasks() if only in task.label]
    sources, installed = work / "sources", Installed(directory=PEERS, may_install=may_install)
    sources.mkdir()
    draw(sources, chosen, scale=scale)
    domicile = Domicile(work, results)
    rows: list[dict[str, Any]] = []
    with ExitStack() as started:
        peers, absent = _started(
            [domicile, Thumbor(), Sharp(), Bare("libvips"), Bare("pillow")], sources, installed, started
        )
        idle = _idle(peers)
        for task in chosen:
            with domicile.stack.counted() as seen:
                found = _task(peers, task, idle, rounds=rounds, per_round=per_round, scale=scale)
            source = (sources / task.source).read_bytes()
            ours = found[domicile.name]
            rows += [_row(task, peer.name, found[peer.name], ours, source) for peer in peers]
            asked = len(ours.seconds) + 1
            rows[-len(peers)] |= {"within": seen.transforms == seen.fills == asked and seen.killed == 0}
    rows += [{"what": f"absent: {name}", "peer": name, "note": why} for name, why in absent.items()]
    return rows


def _started(
    peers: list[Peer], sources: Path, installed: Installed, stack: ExitStack
) -> tuple[list[Peer], dict[str, str]]:
    there, absent = [], {}
    for peer in peers:
        try:
            peer.start(sources, installed)
        except Absent as why:
            absent[peer.name] = str(why)
        else:
            stack.callback(cleaned, peer.stop)
            there.append(peer)
    return there, absent


def _idle(peers: list[Peer]) -> dict[str, float]:
    """Processor seconds that each takes in a second in which nobody asks: on a busy machine a request takes long, and
    these are none of its cost.
    """
    before = {peer.name: cpu_seconds(peer.pids()) for peer in peers}
    time.sleep(IDLE_SECONDS)
    return {peer.name: max(0.0, cpu_seconds(peer.pids()) - before[peer.name]) / IDLE_SECONDS for peer in peers}


def _task(
    peers: list[Peer], task: Task, idle: dict[str, float], *, rounds: int, per_round: int, scale: float
) -> dict[str, Measured]:
    found = {peer.name: Measured() for peer in peers}
    width = max(8, round(task.width * scale))
    for peer in peers:  # the first one starts what starts lazily, is looked at, and does not count
        try:
            found[peer.name].body = peer.make(task, width)
        except (RuntimeError, Absent, OSError) as failed:
            found[peer.name].failure = str(failed)[:120]
    widths = iter(range(width + 1, width + 1 + rounds * per_round))
    for _ in range(rounds):
        mine = [next(widths) for _ in range(per_round)]
        for peer in peers:
            if not found[peer.name].failure:
                _round(peer, task, mine, found[peer.name], idle[peer.name])
    return found


def _round(peer: Peer, task: Task, widths: list[int], into: Measured, idle: float) -> None:
    before, began = cpu_seconds(peer.pids()), time.perf_counter()
    for width in widths:
        started = time.perf_counter()
        peer.make(task, width)
        into.seconds.append(time.perf_counter() - started)
    pids = peer.pids()
    into.cpu += max(0.0, cpu_seconds(pids) - before - idle * (time.perf_counter() - began))
    into.peak_bytes = max(into.peak_bytes, *map(peak_rss_bytes, pids))


def _row(task: Task, name: str, measured: Measured, ours: Measured, source: bytes) -> dict[str, Any]:
    what = task.label if name == "domicile" else f"{task.label}, {name}"
    if measured.failure:
        return {"what": what, "peer": name, "note": measured.failure}
    seconds, made = measured.seconds, measured.body
    is_animated = task.source.endswith(".gif")
    row: dict[str, Any] = {
        "what": what,
        "peer": name,
        "requests_s": len(seconds) / sum(seconds),
        "p50_ms": statistics.median(seconds) * 1e3,
        "p99_ms": sorted(seconds)[min(len(seconds) - 1, round(len(seconds) * 0.99))] * 1e3,
        "cpu_ms": measured.cpu / len(seconds) * 1e3,
        "peak_MB": measured.peak_bytes / MIB,
        "KB": len(made) / 1024,
        "ssimulacra2": "" if is_animated else score(source, made),
        "frames": frames_of(made),
    }
    if name == "domicile":
        return row
    ratio = statistics.median(seconds) / statistics.median(ours.seconds)
    target = SHARP_TARGET if name == "sharp" else TARGETS.get((name, task.label))
    row |= {"ratio": ratio, "cpu_ratio": measured.cpu / max(ours.cpu, 1e-9), "target": target or ""}
    row["note"] = "" if row["frames"] == frames_of(ours.body) else "not the same frames: no comparison"
    if target is not None and not row["note"]:
        row["met"] = ratio >= target
    return row

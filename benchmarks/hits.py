"""RAM hits of Domicile, nginx proxy_cache, Varnish and aiohttp alone: interleaved rounds, the same bodies, the same core.

One worker of each is pinned to SERVER_CORE; the load, the decoders, the origins and whatever else goes on have LOAD_CORE.
Two workers are pinned nowhere and share both with the load: only processor time for a request compares them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks import aiohttp_alone, hits_peers
from benchmarks.hits_bodies import OTHERS, PHOTO, SIZES, nearest, noise, uploaded
from benchmarks.hits_peers import SENDING, Origin
from benchmarks.hits_rows import (
    AT_A_RATE,
    ERASED_PER_SECOND,
    OURS,
    PROBED,
    WITHOUT_TRANSFORMS,
    Kind,
    Situation,
    Taken,
    quiet,
    rows,
    servers,
    situations,
)
from benchmarks.load import (
    PACED,
    UNIQUE_REFERER,
    Load,
    Run,
    core_ticks,
    cpu_by_pid,
    pin,
    spent,
    tree,
    wrk,
)
from benchmarks.meanwhile import Erasures, OfDomicile, OfPeer, Side, Transforms, running
from benchmarks.measured import MeasuredStack as Stack
from benchmarks.peers_http import Peer, version
from benchmarks.probe import Probed, probe
from tests.e2e.stack import Reply

SERVER_CORE, LOAD_CORE = 0, 1
NEEDED = {"wrk": "wrk", "nginx": "nginx-light", "varnishd": "varnish", "taskset": "util-linux"}
"""Program -> package."""
PACED_CONNECTIONS, REST_MILLISECONDS = 32, 16
"""About 2,000 requests a second: far from what any of them can answer, so that p99 is not that of a queue."""
WARM_SECONDS = 1
BESIDE_SECONDS = 2
"""By so much a load lasts longer than the probe beside it: half of it before, for Python to start."""


class Server(Protocol):
    @property
    def port(self) -> int: ...

    def pids(self) -> list[int]:
        """All processes whose work is charged to it."""


@dataclass(frozen=True, slots=True)
class Ours:
    stack: Stack

    @property
    def port(self) -> int:
        return self.stack.edge_port

    def pids(self) -> list[int]:
        """All of the edge, decoders included; the origin is not part of a hit."""
        return tree(self.stack.processes("edge"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Of runs."""

    seconds: int
    rounds: int
    erasing_seconds: int
    """Of the one run of each situation beside erasures."""

    def of(self, kind: Kind) -> tuple[int, int]:
        """Seconds and rounds."""
        return (self.erasing_seconds, 1) if kind in ERASED_PER_SECOND else (self.seconds, self.rounds)


def measure(work: Path, results: Path, length: Length, *, only: str = "") -> list[dict[str, Any]]:
    """`only`: a part of the labels of situations."""
    lacking = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if lacking:
        raise SystemExit(f"hits needs {', '.join(lacking)}: apt-get install {' '.join(lacking)}")
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("hits needs two processors: one for a server, one for the load")
    chosen, made = situations(list(SIZES), only=only), []
    for workers in (1, 2):
        mine = [situation for situation in chosen if situation.workers == workers]
        if mine:
            with started(work / f"hits-{workers}", results, workers) as contest:
                made += contest.measure(mine, length)
    return made


@contextmanager
def started(work: Path, results: Path, workers: int) -> Iterator[Contest]:
    """All servers with so many workers, each with all bodies."""
    work.mkdir()
    work.chmod(0o755)  # nginx and Varnish drop to other users
    affinity = os.sched_getaffinity(0)
    with ExitStack() as ends:
        stack = Stack(work / f"hits-{workers}", workers=workers, results=results)
        stack.start()
        ends.callback(stack.stop)
        uploaded(stack)
        paths = {label: nearest(stack, side, wanted) for label, (wanted, side) in SIZES.items()}
        bodies = work / "bodies"
        aiohttp_alone.write(bodies, {path: (dict(reply.headers), reply.body) for path, reply in paths.values()})
        if workers == 1:
            os.sched_setaffinity(0, {LOAD_CORE})
            ends.callback(os.sched_setaffinity, 0, affinity)

        def peer(made: Peer) -> Peer:
            ends.callback(made.stop)
            return made

        origin = Origin(peer(hits_peers.aiohttp(bodies)))
        asked = origin.peer.port
        alone = [peer(hits_peers.aiohttp(bodies))]
        alone += [peer(hits_peers.aiohttp(bodies, port=alone[0].port)) for _ in range(1, workers)]
        nginx = {
            name: peer(hits_peers.nginx(work / f"nginx-{at}", asked, sending=name, workers=workers))
            for at, name in enumerate(SENDING)
        }
        varnish = peer(hits_peers.varnish(work / "varnish", asked, workers=workers))
        yield Contest(workers, stack, origin, paths, nginx, varnish, alone)


@dataclass(frozen=True, slots=True)
class Together:
    """Processes that share one port."""

    peers: list[Peer]

    @property
    def port(self) -> int:
        return self.peers[0].port

    def pids(self) -> list[int]:
        return [pid for peer in self.peers for pid in peer.pids()]


@dataclass(slots=True)
class Contest:
    """Everything that is measured, running."""

    workers: int
    stack: Stack
    origin: Origin
    paths: dict[str, tuple[str, Reply]]
    nginx: dict[str, Peer]
    """By how they send."""
    varnish: Peer
    alone: list[Peer]
    best: dict[str, str] = field(default_factory=dict)
    """Size -> how the nginx sends that answered most requests a second."""
    others: OfDomicile | None = None
    transforms: Transforms | None = None
    erasures: Erasures | None = None
    quiet: dict[Situation, list[Taken]] = field(default_factory=dict)
    """What ours did, for those that are held against it."""

    def measure(self, chosen: list[Situation], length: Length) -> list[dict[str, Any]]:
        self.pin()
        made = []
        for situation in chosen:
            seconds, rounds = length.of(situation.kind)
            found = self.situation(situation, seconds=seconds, rounds=rounds)
            self.quiet[situation] = found[OURS]
            before = self.quiet[quiet(situation)] if quiet(situation) != situation else []
            body = self.paths[situation.size][1].body
            made += rows(situation, len(body), found, before=before, notes=self.notes(situation))
            print(situation.label, "done", flush=True)
        return made

    def pin(self) -> None:
        """One worker of each on its core; decoders, and ours that take no part, beside the load."""
        if self.workers > 1:
            return
        assert self.stack.process is not None
        edge = Ours(self.stack).pids()
        decoders = [pid for pid in edge if is_decoder(pid)]
        pin({*tree([self.stack.process.pid]), *self.stack.processes()} - {*edge}, LOAD_CORE)
        pin(decoders, LOAD_CORE)
        pin({*edge} - {*decoders}, SERVER_CORE)
        for peer in (*self.nginx.values(), self.varnish, *self.alone):
            pin(peer.pids(), SERVER_CORE)

    def situation(self, situation: Situation, *, seconds: int, rounds: int) -> dict[str, list[Taken]]:
        """What was taken of each server, round by round."""
        path = self.paths[situation.size][0]
        for cache in (*self.nginx.values(), self.varnish):
            hits_peers.warm(cache, self.origin, path)
        if situation.size not in self.best:
            self.best[situation.size] = self.fastest_nginx(situation, path, seconds=seconds, rounds=rounds)
        everybody: dict[str, Server] = {
            OURS: Ours(self.stack),
            "nginx": self.nginx[self.best[situation.size]],
            "varnish": self.varnish,
            "aiohttp": Together(self.alone),
        }
        part = {name: everybody[name] for name in servers(situation.kind, list(everybody))}
        for server in part.values() if rounds > 1 else ():  # a single round is a trial
            self.ask(situation, server, path, seconds=WARM_SECONDS)
        found: dict[str, list[Taken]] = {name: [] for name in part}
        for _ in range(rounds):
            for name, server in part.items():
                sides = self.sides(situation, name, server, path, seconds=seconds)
                found[name].append(self.take(situation, server, path, sides, seconds=seconds))
        return found

    def fastest_nginx(self, situation: Situation, path: str, *, seconds: int, rounds: int) -> str:
        """Two rounds at most: these differ by much where they differ."""
        rates = dict.fromkeys(SENDING, 0.0)
        for _ in range(min(rounds, 2)):
            for name, peer in self.nginx.items():
                run = wrk(f"http://127.0.0.1:{peer.port}{path}", peer.pids, seconds=seconds, load=self.plain())
                rates[name] = max(rates[name], run.per_second)
        return max(rates, key=lambda name: rates[name])

    def plain(self) -> Load:
        return Load() if self.workers == 1 else Load(core=None, threads=self.workers)

    def load(self, kind: Kind) -> Load:
        match kind:
            case Kind.UNIQUE:
                return Load(script=UNIQUE_REFERER, arguments=(str(time.monotonic_ns()),))
            case kind if kind in AT_A_RATE:
                return Load(connections=PACED_CONNECTIONS, script=PACED, arguments=(str(REST_MILLISECONDS),))
            case _:
                return self.plain()

    def sides(self, situation: Situation, name: str, server: Server, path: str, *, seconds: int) -> list[Side]:
        match situation.kind, server:
            case Kind.BUSY, Ours():
                self.others = self.others or OfDomicile(self.stack, OTHERS)
                return self.others.sides()
            case Kind.BUSY, Peer():
                return OfPeer(server, path, can_purge=name == "varnish").sides()
            case kind, _ if kind in ERASED_PER_SECOND:
                self.erasures = self.erasures or Erasures(self.stack, noise(SIZES["2 KB"][1]))
                return self.erasures.sides(ERASED_PER_SECOND[kind], seconds=seconds)
            case kind, _ if kind in WITHOUT_TRANSFORMS:
                self.transforms = self.transforms or Transforms(self.stack, PHOTO)
                return [self.transforms.side()]
            case _:
                return []

    def ask(self, situation: Situation, server: Server, path: str, *, seconds: int) -> Run:
        url = f"http://127.0.0.1:{server.port}{path}"
        return wrk(url, server.pids, seconds=seconds, load=self.load(situation.kind))

    def take(self, situation: Situation, server: Server, path: str, sides: list[Side], *, seconds: int) -> Taken:
        with ExitStack() as counting:
            seen = counting.enter_context(self.stack.counted()) if isinstance(server, Ours) else None
            asked = self.origin.asked
            with running(sides) as done:
                busy, ticks = core_ticks(LOAD_CORE, Path("/proc/stat").read_text("utf-8"))
                run, beside, probed = self.measured(situation, server, path, seconds=seconds)
                busy_after, ticks_after = core_ticks(LOAD_CORE, Path("/proc/stat").read_text("utf-8"))
            passed_on = self.origin.asked - asked
        return Taken(
            run=run,
            done={name: each.count for name, each in done.items()},
            failures=[failure for each in done.values() for failure in each.failures],
            passed_on=passed_on,
            seen=seen,
            other_core_busy=(busy_after - busy) / max(ticks_after - ticks, 1),
            beside=beside,
            probed=probed,
        )

    def measured(
        self, situation: Situation, server: Server, path: str, *, seconds: int
    ) -> tuple[Run, int, Probed | None]:
        """What was taken, how many requests came from a load beside it, and what the probe says, if it was the probe's."""
        if situation.kind not in PROBED:
            return self.ask(situation, server, path, seconds=seconds), 0, None
        before, beside = cpu_by_pid(server.pids()), Run(0, 0.0, 0.0, 0.0, 0.0, 0)
        with ThreadPoolExecutor(1) as loads:
            load = None
            if situation.kind in AT_A_RATE:
                load = loads.submit(self.ask, situation, server, path, seconds=seconds + BESIDE_SECONDS)
                time.sleep(BESIDE_SECONDS / 2)  # its connections are open, and it ends after the probe
            probed = probe(server.port, path, seconds=seconds, core=LOAD_CORE)
            if load is not None:
                beside = load.result()
        used = spent(before, cpu_by_pid(server.pids()))
        run = Run(
            requests=probed.requests,
            per_second=probed.per_second,
            p50_ms=probed.p50_ms,
            p99_ms=probed.p99_ms,
            cpu_us=used / max(probed.requests + beside.requests, 1) * 1e6,
            errors=probed.errors + beside.errors,
        )
        return run, beside.requests, probed

    def notes(self, situation: Situation) -> dict[str, str]:
        nginx = f"{version(['nginx', '-v'])}, {self.best[situation.size]}"
        if situation.kind is Kind.BUSY:
            nginx += "; it has no purge: fills only"
        return {"nginx": nginx, "varnish": version(["varnishd", "-V"])}


def is_decoder(pid: int) -> bool:
    """Whether it makes pictures, or is forked for that."""
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8").startswith("decoder")
    except (FileNotFoundError, ProcessLookupError):
        return False

"""RAM hits of one edge worker against nginx proxy_cache: interleaved rounds, the same bodies, the same core."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.load import Run, children, pin, wrk
from benchmarks.measured import Counted
from benchmarks.measured import MeasuredStack as Stack
from benchmarks.peer_nginx import Nginx
from benchmarks.scrape import Scrape
from tests.e2e.stack import free_port

SIZES = {"2 KB": (2_000, 48), "20 KB": (20_000, 150), "100 KB": (100_000, 340)}
"""label -> (bytes aimed at, side in pixels of a noisy picture that comes near)"""
SECONDS, MEMORY = "domicile_edge_request_seconds", {"route": "delivery", "cache": "memory"}
MARGIN_PIXELS = 8
"""Uploaded larger by so much, so that what is delivered is really scaled."""


def noise(side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


def measure(work: Path, results: Path, *, seconds: int, rounds: int) -> list[dict[str, Any]]:
    stack = Stack(work / "hits", workers=1, results=results)
    stack.start()
    nginx = Nginx(work / "nginx", port=free_port(), upstream=stack.edge_port)
    try:
        uploader = stack.sdk().uploader
        rows = []
        edge, peer = tree(stack.processes("edge")), tree([nginx.pid])
        pin((*edge, *peer), 0)
        for label, (wanted, side) in SIZES.items():
            uploader.upload(io.BytesIO(noise(side + MARGIN_PIXELS)), public_id=f"noise{side}")
            path, body_bytes = nearest(stack, side, wanted)
            nginx.warm(path)
            rounds_here = [one_round(stack, nginx, path, edge, peer, seconds=seconds) for _ in range(rounds)]
            rows.append(row(label, body_bytes, rounds_here))
        return rows
    finally:
        nginx.stop()
        stack.stop()


def tree(pids: list[int]) -> list[int]:
    return sorted({pid for top in pids for pid in (top, *children(top))})


def nearest(stack: Stack, side: int, wanted: int) -> tuple[str, int]:
    """The path of the rendition whose body comes nearest to the size aimed at, and its bytes."""
    sizes = {}
    for quality in (20, 40, 60, 80, 95):
        path = f"/demo/image/upload/c_scale,w_{side},q_{quality}/v1/noise{side}.jpg"
        reply = stack.get(path)
        assert reply.status == 200, reply.headers
        sizes[path] = len(reply.body)
    return min(sizes.items(), key=lambda made: abs(made[1] - wanted))


@dataclass(frozen=True, slots=True)
class Round:
    """One run against us and one against the peer, with what our servers counted during each."""

    ours: Run
    peer: Run
    seen: Counted
    passed_on: int
    """Requests that the peer did not answer itself: they came to our edge."""

    @property
    def is_honest(self) -> bool:
        """Every request a hit of the tier that is measured, on both sides, and none that failed."""
        hits = self.seen.memory_hits >= self.ours.requests > 0 and self.seen.fills == 0
        return hits and self.passed_on == 0 and self.ours.errors == self.peer.errors == 0


def one_round(stack: Stack, nginx: Nginx, path: str, edge: list[int], peer: list[int], *, seconds: int) -> Round:
    assert stack.get(path).cache == "hit"
    with stack.counted() as seen:
        ours = wrk(f"http://127.0.0.1:{stack.edge_port}{path}", edge, seconds=seconds)
    with stack.counted() as meanwhile:
        theirs = wrk(f"http://127.0.0.1:{nginx.port}{path}", peer, seconds=seconds)
    return Round(ours=ours, peer=theirs, seen=seen, passed_on=meanwhile.deliveries)


def row(label: str, body_bytes: int, rounds: list[Round]) -> dict[str, Any]:
    """Client and server side by side; `within` is false when they do not tell the same story."""
    ratios = [each.ours.per_second / each.peer.per_second for each in rounds]

    def middle(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    def inside(each: Round) -> Scrape:
        return each.seen.edge

    return {
        "what": f"hit {label}",
        "body_bytes": body_bytes,
        "ours_per_second": middle(lambda each: each.ours.per_second),
        "peer_per_second": middle(lambda each: each.peer.per_second),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "cpu_ratio": middle(lambda each: each.peer.cpu_us / each.ours.cpu_us),
        "ours_p99_ms": middle(lambda each: each.ours.p99_ms),
        "peer_p99_ms": middle(lambda each: each.peer.p99_ms),
        "server_mean_ms": middle(lambda each: inside(each).mean(SECONDS, **MEMORY) * 1e3),
        "server_p99_ms_max": middle(lambda each: inside(each).quantile(SECONDS, 0.99, **MEMORY) * 1e3),
        "client_requests": sum(each.ours.requests for each in rounds),
        "server_memory_hits": sum(each.seen.memory_hits for each in rounds),
        "server_fills": sum(each.seen.fills for each in rounds),
        "peer_passed_on": sum(each.passed_on for each in rounds),
        "errors": sum(each.ours.errors + each.peer.errors for each in rounds),
        "within": all(each.is_honest for each in rounds),
        "runs": {"ours": [asdict(each.ours) for each in rounds], "peer": [asdict(each.peer) for each in rounds]},
    }

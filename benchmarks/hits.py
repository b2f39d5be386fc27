"""RAM hits of one edge worker against nginx proxy_cache: interleaved rounds, the same bodies, the same core."""

from __future__ import annotations

import io
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.load import Run, children, pin, wrk
from benchmarks.measured import MeasuredStack as Stack
from benchmarks.peer_nginx import Nginx
from tests.e2e.stack import free_port

SIZES = {"2 KB": (2_000, 48), "20 KB": (20_000, 150), "100 KB": (100_000, 340)}
"""label -> (bytes aimed at, side in pixels of a noisy picture that comes near)"""
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
            ours: list[Run] = []
            theirs: list[Run] = []
            for _ in range(rounds):
                assert stack.get(path).cache == "hit"
                ours.append(wrk(f"http://127.0.0.1:{stack.edge_port}{path}", edge, seconds=seconds))
                theirs.append(wrk(f"http://127.0.0.1:{nginx.port}{path}", peer, seconds=seconds))
            rows.append(row(label, body_bytes, ours, theirs))
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


def row(label: str, body_bytes: int, ours: list[Run], theirs: list[Run]) -> dict[str, Any]:
    ratios = [a.per_second / b.per_second for a, b in zip(ours, theirs, strict=True)]
    cpu = [b.cpu_us / a.cpu_us for a, b in zip(ours, theirs, strict=True)]
    return {
        "what": f"hit {label}",
        "body_bytes": body_bytes,
        "ours_per_second": statistics.median(run.per_second for run in ours),
        "peer_per_second": statistics.median(run.per_second for run in theirs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "cpu_ratio": statistics.median(cpu),
        "ours_p99_ms": statistics.median(run.p99_ms for run in ours),
        "peer_p99_ms": statistics.median(run.p99_ms for run in theirs),
        "errors": sum(run.errors for run in (*ours, *theirs)),
        "runs": {"ours": [asdict(run) for run in ours], "peer": [asdict(run) for run in theirs]},
    }

"""Memory: measured on running processes, against the budgets that the project sets itself."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.hits import noise
from benchmarks.load import children, peak_rss_bytes, rss_bytes
from benchmarks.measured import MeasuredStack as Stack

MIB = 1024 * 1024
IDLE_WORKER_BYTES_MAX = 90 * MIB
HUGE_RENDER_BYTES_MAX = 600 * MIB
RAM_TIER_BYTES = 32 * MIB
RAM_TIER_EXCESS_MAX = 0.10
MIXED_REQUESTS = 10_000
GROWTH_BYTES_MAX = 16 * MIB


def measure(work: Path, results: Path) -> list[dict[str, Any]]:
    return [idle(work, results), *busy(work, results), huge(work, results)]


def workers_of(stack: Stack) -> list[int]:
    """Edge worker processes, without their decoders."""
    found = []
    for pid in stack.processes("edge"):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"worker" in words:
            found.append(pid)
    assert found, "no worker process found"
    return found


def budget(what: str, used: float, allowed: float) -> dict[str, Any]:
    return {"what": what, "bytes": round(used), "budget": round(allowed), "within": used <= allowed}


def idle(work: Path, results: Path) -> dict[str, Any]:
    stack = Stack(work / "idle", workers=2, results=results)
    stack.start()
    try:
        return budget("idle edge worker", max(rss_bytes(pid) for pid in workers_of(stack)), IDLE_WORKER_BYTES_MAX)
    finally:
        stack.stop()


def busy(work: Path, results: Path) -> list[dict[str, Any]]:
    """Fill the RAM tier past its limit, then ask 10,000 mixed questions."""
    stack = Stack(
        work / "busy",
        workers=1,
        results=results,
        environment={"DOMICILE_EDGE_CACHE_RAM_BYTES_MAX": str(RAM_TIER_BYTES)},
    )
    stack.start()
    try:
        (worker,) = workers_of(stack)
        empty = rss_bytes(worker)
        stack.sdk().uploader.upload(io.BytesIO(noise(400)), public_id="noise")
        paths = [f"/demo/image/upload/c_scale,w_{200 + n}/v1/noise.png" for n in range(400)]
        for path in paths:  # about 60 MB of renditions: twice the limit
            assert stack.get(path).status == 200
        full = rss_bytes(worker)
        chance = random.Random(1)
        questions = [*paths, "/demo/image/upload/w_x/noise.png", "/demo/image/upload/nothing", "/nowhere", "/healthz"]
        for _ in range(MIXED_REQUESTS // 4):
            stack.get(chance.choice(questions))
        settled = rss_bytes(worker)
        for _ in range(MIXED_REQUESTS):
            stack.get(chance.choice(questions))
        return [
            budget(
                "RAM tier of 32 MiB, growth of the worker", full - empty, RAM_TIER_BYTES * (1 + RAM_TIER_EXCESS_MAX)
            ),
            budget("growth over 10,000 mixed requests", rss_bytes(worker) - settled, GROWTH_BYTES_MAX),
        ]
    finally:
        stack.stop()


def huge(work: Path, results: Path) -> dict[str, Any]:
    """A 100-megapixel JPEG: the largest decoder process while it is rendered."""
    stack = Stack(work / "huge", workers=1, results=results)
    stack.start()
    try:
        flat = np.tile(np.arange(10_000, dtype=np.uint32) % 256, (10_000, 1)).astype(np.uint8)
        body = io.BytesIO()
        Image.fromarray(flat).convert("RGB").save(body, "JPEG", quality=70)
        del flat
        stack.sdk().uploader.upload(io.BytesIO(body.getvalue()), public_id="huge")
        assert stack.get("/demo/image/upload/c_scale,w_800/v1/huge.jpg").status in {200, 400}
        decoders = [pid for top in stack.processes("edge") for pid in children(top)]
        return budget(
            "100 MP JPEG, peak of any edge process", max(map(peak_rss_bytes, decoders)), HUGE_RENDER_BYTES_MAX
        )
    finally:
        stack.stop()

"""Memory: measured on running processes, against the budgets that the project sets itself. MB are 10**6 bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudinary.exceptions
import numpy as np
from PIL import Image

from benchmarks import large_files
from benchmarks.hits_bodies import noise
from benchmarks.measured import MeasuredStack as Stack
from benchmarks.memory import DECODERS, Peaks, processes, watched
from benchmarks.mixed import Mix

MB = 1_000_000
IDLE_WORKER_BYTES_MAX = 90 * MB
HUGE_BYTES_MAX = 600 * MB
RAM_TIER_BYTES = 32 * 1024 * 1024
RAM_TIER = {"DOMICILE_EDGE_CACHE_RAM_BYTES_MAX": str(RAM_TIER_BYTES)}
RAM_TIER_EXCESS_MAX = 0.10
MIXED_REQUESTS = 10_000
GROWTH_BYTES_MAX = 16 * MB
SETTLE_SHARE = 0.5
"""So much of the mixed requests comes before the first look: caches of interpreter and allocator fill once."""
HUGE_SIDE = 10_000
TRIED_SCALE = 0.1
"""Below it only that the benchmark runs is of interest."""
TRIED_TOGETHER = (("mixed", "large"), ("ram", "huge"))
"""Then on one installation, that of the first."""
HUGE_REFUSALS = ("memory", "Maximum image size")
"""Words of the refusals that name the limit on memory, or on the pixels of a rendition."""


def names_a_limit(refusal: str) -> bool:
    return any(words in refusal for words in HUGE_REFUSALS)


Rows = Callable[[Stack], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured on an installation of its own."""

    rows: Rows
    workers: int
    environment: Mapping[str, str] = field(default_factory=dict)


def measure(work: Path, results: Path, *, scale: float = 1.0) -> list[dict[str, Any]]:
    """`scale` below 1 asks and draws less; then the numbers mean nothing. For a trial parts share an installation."""
    side, forms = round(HUGE_SIDE * scale**0.5), 1 if scale < TRIED_SCALE else len(HUGE)
    parts = {
        "mixed": Part(lambda stack: [idle(stack), mixed(stack, requests=round(MIXED_REQUESTS * scale))], workers=2),
        "large": Part(lambda stack: large_files.measure(stack, budget, scale=scale), workers=2),
        "ram": Part(lambda stack: [ram_tier(stack, renditions=round(400 * scale))], workers=1, environment=RAM_TIER),
        "huge": Part(lambda stack: huge(stack, side=side, forms=forms), workers=1),
    }
    shared = TRIED_TOGETHER if scale < TRIED_SCALE else tuple((name,) for name in parts)
    return [row for names in shared for row in _on_one(work / names[0], results, [parts[name] for name in names])]


def _on_one(data: Path, results: Path, parts: Sequence[Part]) -> list[dict[str, Any]]:
    stack = Stack(data, workers=parts[0].workers, results=results, environment=parts[0].environment)
    stack.start()
    try:
        return [row for part in parts for row in part.rows(stack)]
    finally:
        stack.stop()


def budget(what: str, used: float, allowed: float, *, honest: bool = True, note: str = "") -> dict[str, Any]:
    """A row. Not `honest`: the conditions did not hold under which the number would mean something."""
    return {
        "what": what,
        "MB": used / MB,
        "budget_MB": allowed / MB,
        "note": note,
        "within": honest and used <= allowed,
    }


def worker_bytes(stack: Stack) -> list[int]:
    found = [process.resident_bytes for process in processes(stack) if process.role == "edge worker"]
    assert found, "no worker process found"
    return found


def idle(stack: Stack) -> dict[str, Any]:
    """Of one that was asked for nothing yet."""
    sizes = worker_bytes(stack)
    return budget("idle edge worker", max(sizes), IDLE_WORKER_BYTES_MAX, honest=len(sizes) == 2)


def ram_tier(stack: Stack, *, renditions: int) -> dict[str, Any]:
    """What the worker grows by while its RAM tier goes from empty to full and turns over once.

    Its first requests cost it memory that has nothing to do with the tier (code, connections, the channel to decoders),
    so that they come before the first look, on pictures of a few hundred bytes.
    """
    uploader = stack.sdk().uploader
    for side in (404, 406):
        uploader.upload(io.BytesIO(noise(side)), public_id=f"noise{side}")
    for n in range(100):
        assert stack.get(f"/demo/image/upload/c_scale,w_{n % 20 + 1}/v1/noise404.png").status == 200
    (empty,) = worker_bytes(stack)
    with stack.counted() as seen:
        for n in range(renditions):  # about 60 MB: twice the limit
            path = f"/demo/image/upload/c_scale,w_{200 + n // 2}/v1/noise{404 + n % 2 * 2}.png"
            assert stack.get(path).status == 200
    (full,) = worker_bytes(stack)
    evicted = round(seen.edge.total("domicile_edge_evictions_total", tier="memory"))
    return budget(
        "RAM tier of 32 MiB, growth of the worker from empty to full",
        full - empty,
        RAM_TIER_BYTES * (1 + RAM_TIER_EXCESS_MAX),
        honest=evicted > 0,
        note=f"{renditions} renditions, {evicted} evicted",
    )


def mixed(stack: Stack, *, requests: int) -> dict[str, Any]:
    """Growth of all processes of both tiers together; decoders come and go, their largest is looked at by itself."""
    mix = Mix(stack)
    mix.ask(round(requests * SETTLE_SHARE))
    before = lasting(stack)
    mix.asked.clear()
    with stack.counted() as seen:
        mix.ask(requests)
    after = lasting(stack)
    grown = sorted((role, (after.get((pid, role), 0) - size) / MB) for (pid, role), size in before.items())
    note = ", ".join(f"{role} {size:+.1f}" for role, size in grown if abs(size) >= 0.1)
    kinds = " ".join(f"{kind} {count}" for kind, count in sorted(mix.asked.items()))
    return budget(
        f"growth of all lasting processes over {requests:,} mixed requests",
        sum(after.values()) - sum(before.values()),
        GROWTH_BYTES_MAX,
        honest=before.keys() == after.keys() and seen.killed == 0,
        note=f"{note or 'nothing'}; {kinds}",
    )


def lasting(stack: Stack) -> dict[tuple[int, str], int]:
    """Resident bytes of every process that is there from start to end."""
    return {
        (process.pid, process.role): process.resident_bytes
        for process in processes(stack)
        if process.role not in DECODERS and process.role != "domicile.imaging.features"
    }


# --- 100 megapixels -----------------------------------------------------------------------------------------------------

HUGE = {
    "progressive": {"quality": 70, "progressive": True},
    "as it is drawn": {"quality": 70},
}
HUGE_RENDITIONS = {
    "scaled to 800 (the DCT does most of it)": "c_scale,w_800",
    "a tenth cut out (every pixel is decoded)": "c_crop,w_0.1,h_0.1,g_south_east",
    "cropped to nine tenths": "c_crop,w_0.9,h_0.9",
    "scaled to 99 %": "c_scale,w_0.99",
    "turned": "a_90",
    "stripped (no pixel is decoded)": "",
}


def huge(stack: Stack, *, side: int, forms: int) -> list[dict[str, Any]]:
    """A picture of side x side in up to two forms: its upload, and renditions of it, watched while they run."""
    rows = []
    for form, options in [*HUGE.items()][:forms]:
        name, label = f"huge{len(rows)}", f"{round(side * side / MB)} MP JPEG {form}"
        body = drawn(side, **options)
        with stack.counted() as seen, watched(lambda: processes(stack)) as peaks:
            outcome, clean = uploaded(stack, name, body)
        rows.append(huge_row(f"{label}: upload", peaks, outcome, honest=clean and seen.killed == 0))
        if outcome != "200":
            continue
        for what, transformation in HUGE_RENDITIONS.items():
            path = "/".join(filter(None, ["/demo/image/upload", transformation, "v1", f"{name}.jpg"]))
            with stack.counted() as seen, watched(lambda: processes(stack)) as peaks:
                reply = stack.get(path)
            said = reply.headers.get("x-cld-error", "")
            clean = reply.status == 200 or (reply.status == 400 and names_a_limit(said))
            outcome = f"{reply.status} {said}".strip()
            rows.append(huge_row(f"{label}: {what}", peaks, outcome, honest=clean and seen.killed == 0))
    return rows


def uploaded(stack: Stack, name: str, body: bytes) -> tuple[str, bool]:
    """What became of it, and whether that is a picture stored or a limit honestly named."""
    try:
        stack.sdk().uploader.upload(io.BytesIO(body), public_id=name, timeout=60)
    except cloudinary.exceptions.BadRequest as refused:
        return f"400 {refused}", names_a_limit(str(refused))
    return "200", True


def huge_row(what: str, peaks: Peaks, outcome: str, *, honest: bool) -> dict[str, Any]:
    roles = ", ".join(f"{role} {size / MB:.0f}" for role, size in sorted(peaks.by_role.items()) if size > 100 * MB)
    note = f"{outcome}; {roles}; all together {peaks.own_bytes / MB:.0f}; {peaks.samples} samples"
    return budget(what, peaks.largest_bytes, HUGE_BYTES_MAX, honest=honest, note=note)


def drawn(side: int, **options: Any) -> bytes:
    """A JPEG of noisy tiles: its coefficients are work, its file is tens of megabytes."""
    tile = np.random.default_rng(7).integers(64, 192, (500, 500, 3), dtype=np.uint8)
    count = -(-side // 500)
    pixels = np.tile(tile, (count, count, 1))[:side, :side]
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "JPEG", **options)
    return body.getvalue()

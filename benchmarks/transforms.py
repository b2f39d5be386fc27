"""Uncached renditions through the edge against a loop over bare Pillow: what the whole system costs on top of the codecs."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.measured import MeasuredStack as Stack

QUALITY = 80


def photo(width: int, height: int) -> bytes:
    """A JPEG with the spectrum of a photograph (1/f noise), made here so that nothing need be shipped."""
    rng = np.random.default_rng(width)
    canvas = np.zeros((height, width, 3))
    for octave in range(1, 8):
        rows, columns = max(2, height >> (8 - octave)), max(2, width >> (8 - octave))
        layer = Image.fromarray(rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)).resize((width, height))
        canvas += np.asarray(layer, dtype=float) / 2**octave
    body = io.BytesIO()
    Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8)).save(body, "JPEG", quality=90)
    return body.getvalue()


def bare(source: bytes, width: int, kind: str) -> int:
    """What a script would do: draft, LANCZOS, save."""
    picture = Image.open(io.BytesIO(source))
    height = round(picture.height * width / picture.width)
    picture.draft("RGB", (width * 2, height * 2))
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    options: dict[str, Any] = {"method": 2} if kind == "WEBP" else {}
    small.save(out, kind, quality=QUALITY, **options)
    return len(out.getvalue())


CASES = [
    ("12 MP -> 800 jpeg", (4000, 3000), 800, "JPEG", "jpg"),
    ("12 MP -> 800 webp", (4000, 3000), 800, "WEBP", "webp"),
    ("2 MP -> 400 jpeg", (1600, 1200), 400, "JPEG", "jpg"),
]


def measure(work: Path, results: Path, *, rounds: int, per_round: int = 6) -> list[dict[str, Any]]:
    stack = Stack(work / "transforms", workers=1, results=results)
    stack.start()
    try:
        return [case(stack, *spec, rounds=rounds, per_round=per_round) for spec in CASES]
    finally:
        stack.stop()


def case(
    stack: Stack,
    label: str,
    size: tuple[int, int],
    width: int,
    kind: str,
    extension: str,
    *,
    rounds: int,
    per_round: int,
) -> dict[str, Any]:
    source = photo(*size)
    name = f"photo{size[0]}"
    stack.sdk().uploader.upload(io.BytesIO(source), public_id=name)
    ours: list[float] = []
    theirs: list[float] = []
    with stack.counted() as seen:
        for nudge in range(width, width + rounds * per_round):  # another width each time: never cached

            def through(nudge: int = nudge) -> None:
                reply = stack.get(f"/demo/image/upload/c_scale,w_{nudge},q_{QUALITY}/v1/{name}.{extension}")
                assert reply.status == 200, reply.headers
                assert reply.cache.startswith("fwd=")

            ours.append(timed(through))
            theirs.append(timed(lambda nudge=nudge: bare(source, nudge, kind)))
    return {
        "what": label,
        "ours_ms": statistics.median(ours) * 1e3,
        "peer_ms": statistics.median(theirs) * 1e3,
        "ratio": statistics.median(theirs) / statistics.median(ours),
        "server_mean_ms": seen.edge.mean("domicile_edge_transform_seconds", format=extension) * 1e3,
        "client_requests": len(ours),
        "server_transforms": seen.transforms,
        "server_fills": seen.fills,
        "within": seen.transforms == seen.fills == len(ours) and seen.killed == 0,
    }


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

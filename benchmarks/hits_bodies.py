"""What is hit: noisy pictures whose renditions have about the sizes that are measured; and what is filled and purged meanwhile."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.load import BROWSER
from tests.e2e.stack import Reply, Stack

SIZES = {"2 KB": (2_000, 48), "20 KB": (20_000, 150), "100 KB": (100_000, 340)}
"""label -> (bytes aimed at, side in pixels of a noisy picture that comes near)"""
MARGIN_PIXELS = 8
"""Uploaded larger by so much, so that what is delivered is really scaled."""
OTHERS = tuple(f"other{number}" for number in range(10))
"""What is filled and purged while something else is hit."""
PHOTO, PHOTO_PIXELS = "photo", (1600, 1200)


def uploaded(stack: Stack) -> None:
    uploader = stack.sdk().uploader
    for _, side in SIZES.values():
        uploader.upload(io.BytesIO(noise(side + MARGIN_PIXELS)), public_id=f"noise{side}")
    small = noise(SIZES["2 KB"][1])
    for name in OTHERS:
        uploader.upload(io.BytesIO(small), public_id=name)
    uploader.upload(io.BytesIO(pictures.photo(*PHOTO_PIXELS)), public_id=PHOTO)


def noise(side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


def nearest(stack: Stack, side: int, wanted: int) -> tuple[str, Reply]:
    """The path of the rendition whose body comes nearest to the size aimed at, and its answer."""
    replies = {}
    for quality in (20, 40, 60, 80, 95):
        path = f"/demo/image/upload/c_scale,w_{side},q_{quality}/v1/noise{side}.jpg"
        replies[path] = reply = stack.get(path, **BROWSER)
        assert reply.status == 200, reply.headers
    return min(replies.items(), key=lambda made: abs(len(made[1].body) - wanted))

"""A 100-megapixel JPEG is transformed or refused within 600 MB, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

RSS_MB_MAX = 600
SIDE = 10_000
ROOT = Path(__file__).parents[2]

CHILD = """
import json, mmap, re, sys
from domicile.imaging.job import Done, MediaLimits, ProbeJob, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.probe import probe
path, transformation, extension = sys.argv[1:]
with open(path, "rb") as file:
    source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if transformation == "probe":
        outcome = probe(source, ProbeJob(limits=MediaLimits()))
    else:
        job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=MediaLimits())
        outcome, _ = render(source, job)
done = isinstance(outcome, Done)
size = [outcome.width, outcome.height] if done else outcome.code
# Not ru_maxrss: exec hands it on, so it would tell the size of the process that runs the tests.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024
print(json.dumps({"done": done, "size": size, "peak": peak}))
"""


@pytest.fixture(scope="module")
def large_jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred million pixels that do not compress to nothing."""
    tile = np.random.default_rng(1).integers(0, 255, (500, 500, 3), np.uint8)
    picture = np.tile(tile, (SIDE // 500, SIDE // 500, 1))
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(picture, quality=30, colorsubsampling="420"))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transformation", "extension", "must_be_done"),
    [
        ("probe", "jpg", True),
        ("w_800", "jpg", True),
        ("w_800", "webp", True),
        ("c_fill,h_300,w_300/e_blur/r_max", "png", True),
        ("c_crop,h_500,w_500", "jpg", True),
        ("w_5000", "jpg", True),
        ("", "jpg", True),
        ("q_80", "jpg", True),
        ("e_grayscale", "jpg", False),
        ("a_90", "jpg", False),
        ("w_9000", "png", False),
        ("w_9999/r_20", "jpg", False),
    ],
)
def test_a_hundred_megapixels_stay_within_memory(
    large_jpeg: Path,
    transformation: str,
    extension: str,
    must_be_done: bool,
) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", CHILD, str(large_jpeg), transformation, extension],
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=50,
    )
    told = json.loads(answer.stdout)
    assert told["peak"] <= RSS_MB_MAX, told
    assert told["done"] or told["size"] == "limit_exceeded"
    assert told["done"] or not must_be_done, told

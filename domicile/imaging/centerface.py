"""Faces in one picture: CenterFace on onnxruntime, one thread, no arena. Says where, and how sure it is; decides nothing.

The file of the model is shipped (models/README.md) and its hash checked. It is opened once, by the zygote of the decoders
(`preload.py`), before the walls close: workers share it. Only hardware-independent rewritings of the model are allowed, and
boxes are rounded to whole pixels of the proxy, so that two machines find the same ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from domicile.media.geometry import Box, WholeBox, area

MODEL = Path(__file__).with_name("models") / "centerface.onnx"
MODEL_SHA256 = "e50c58b64599f94a343ac1dc58fa4902635c2e1939b316afb39142c39c99b22e"
MODEL_NAME = "CenterFace"
REPORTING_SINCE = (1, 29)
"""Builds of the runtime from this version on report to their maker, beginning with their import (docs/adr/0011)."""
STRIDE = 4
"""Pixels of the picture for one cell of the model's answer."""
GRAIN = 32
"""Sides given to the model are multiples of this."""
OVERLAP_MAX = 0.3
"""Of two boxes that share more (intersection over union), the surer one is kept."""
CANDIDATES_MAX = 2000
"""Cells looked at, the surest first: their comparison is quadratic."""
SCORE_STEPS = 1000
_OUTPUTS = ("537", "538", "539")  # heat, size, offset

Array = np.ndarray[Any, np.dtype[np.float32]]


class FacesUnavailable(RuntimeError):
    """The runtime is not installed, or the model is not the one that this version was made with."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A face: how sure (0 to 1000), and the box in whole pixels of the picture, perhaps beyond its edges."""

    score: int
    box: WholeBox


@cache
def session() -> Any:
    """The loaded model. Raises FacesUnavailable. Behind the walls only what was loaded before them is there."""
    try:
        version = metadata.version("onnxruntime")
    except metadata.PackageNotFoundError as missing:
        raise FacesUnavailable("onnxruntime is not installed") from missing
    if tuple(map(int, version.split(".")[:2])) >= REPORTING_SINCE:
        raise FacesUnavailable(f"onnxruntime {version} reports to its maker")
    import onnxruntime

    model = MODEL.read_bytes()
    if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
        raise FacesUnavailable(f"{MODEL.name} is not the file that this version was made with")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # behind the walls no thread can be started
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # an arena would keep the peak for good
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def is_available() -> bool:
    try:
        session()
    except FacesUnavailable:
        return False
    return True


def detect(picture: Image.Image, score_min: int) -> list[Found]:
    """Faces of an RGB picture with at least that score, the surest first. Raises FacesUnavailable."""
    width, height = picture.size
    padded = Image.new("RGB", (-(-width // GRAIN) * GRAIN, -(-height // GRAIN) * GRAIN))
    padded.paste(picture)
    pixels = np.ascontiguousarray(np.asarray(padded, dtype=np.float32).transpose(2, 0, 1)[None])
    heat, size, offset = session().run(_OUTPUTS, {"input.1": pixels})
    return _apart(_candidates(heat[0, 0], size[0], offset[0], score_min))


def _candidates(heat: Array, size: Array, offset: Array, score_min: int) -> list[Found]:
    """Every cell that is sure enough, as a box."""
    scores = np.rint(heat.astype(np.float64) * SCORE_STEPS).astype(int)
    rows, columns = np.nonzero(scores >= score_min)
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        height, width = np.exp(size[:, row, column].astype(np.float64)) * STRIDE
        y = (row + float(offset[0, row, column]) + 0.5) * STRIDE
        x = (column + float(offset[1, row, column]) + 0.5) * STRIDE
        box = (round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2))
        if box[2] > box[0] and box[3] > box[1]:
            found.append(Found(int(scores[row, column]), box))
    return sorted(found, reverse=True)[:CANDIDATES_MAX]


def _apart(candidates: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in candidates:
        if all(overlap(one.box, other.box) <= OVERLAP_MAX for other in kept):
            kept.append(one)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (area(one) + area(other) - width * height)

"""The real decoders, slow in one step for renditions of certain widths. Loaded by path into decoder processes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from domicile.imaging import pipeline
from domicile.imaging.preload import preload
from domicile.imaging.probe import probe

preload()

SLOW_SECONDS = 1.0
STEPS = {"501": "decode", "502": "transform", "503": "encode"}
"""Width -> the step that takes SLOW_SECONDS longer."""

real = {name: getattr(pipeline, name) for name in ("decode_frames", "present", "finish")}
slow = ""


def _nap(step: str) -> None:
    if slow == step:
        time.sleep(SLOW_SECONDS)


def decode_frames(*arguments: Any) -> Iterator[Any]:
    _nap("decode")
    yield from real["decode_frames"](*arguments)


def present(*arguments: Any) -> Any:
    _nap("transform")
    return real["present"](*arguments)


def finish(*arguments: Any) -> Any:
    _nap("encode")
    return real["finish"](*arguments)


for step in (decode_frames, present, finish):
    setattr(pipeline, step.__name__, step)


def render(source: Any, job: Any, layers: Any) -> Any:
    global slow  # noqa: PLW0603 - a decoder does one job at a time
    asked = re.search(r"w_(\d+)", job.transformation)
    slow = STEPS.get(asked[1], "") if asked else ""
    return pipeline.render(source, job, layers)


__all__ = ["probe", "render"]

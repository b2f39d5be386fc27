"""Parameters that follow the viewer's screen, as its browser describes it in client hints.

    dpr = "auto"
    w   = "auto" [":" step [":" fallback]]       step = 10-1000 pixels, default 100; fallback = 1-4000 pixels

Which headers are read, and what they come to, is decided in pending.py. Not yet: `w_auto:breakpoints`.
Source: cloudinary-compat 3.4 and 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.params.base import Malformed, read_integer

AUTO = "auto"
STEP_DEFAULT = 100
STEP_MIN, STEP_MAX = 10, 1000
"""A small step makes many renditions of one picture."""
AUTO_WIDTH_MAX = 4000
"""Wider screens get this width."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """`w_auto` or `dpr_auto`; step and fallback belong to the width."""

    key: str
    step: int = STEP_DEFAULT
    fallback: int | None = None


def read_hinted(key: str, value: str) -> Hinted | None:
    """None when it is something else. Raises Malformed for `w_auto` with what it does not take."""
    if key == "dpr" and value == AUTO:
        return Hinted(key)
    if key != "w" or value.partition(":")[0] != AUTO:
        return None
    match value.split(":", maxsplit=3)[1:]:
        case []:
            return Hinted(key)
        case [step]:
            return Hinted(key, read_integer(step, low=STEP_MIN, high=STEP_MAX))
        case [step, fallback]:
            return Hinted(
                key,
                read_integer(step, low=STEP_MIN, high=STEP_MAX),
                read_integer(fallback, low=1, high=AUTO_WIDTH_MAX),
            )
        case _:
            raise Malformed


def write_hinted(hinted: Hinted) -> str:
    if hinted.fallback is not None:
        return f"{AUTO}:{hinted.step}:{hinted.fallback}"
    return AUTO if hinted.step == STEP_DEFAULT else f"{AUTO}:{hinted.step}"

"""Parameters that follow the viewer's screen, as its browser describes it in client hints.

    dpr = "auto"
    w   = "auto" [":" step [":" fallback]]       step = 10-1000 pixels, default 100; fallback = 1-4000 pixels
        / "auto:breakpoints" [ "_" min "_" max "_" kilobytes "_" images ] [":" fallback] [":json"]

Which headers are read, and what they come to, is decided in pending.py; where breakpoints lie, in breakpoints.py.
Source: cloudinary-compat 3.4 and 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.breakpoints import DELIVERED_IMAGES_MAX, WIDTH_MAX, AutoWidths, Breakpoints
from domicile.media.params.base import Malformed, read_integer

AUTO, BREAKPOINTS, JSON = "auto", "breakpoints", "json"
KILOBYTE = 1000
STEP_DEFAULT = 100
STEP_MIN, STEP_MAX = 10, 1000
"""A small step makes many renditions of one picture."""
AUTO_WIDTH_MAX = 4000
"""Wider screens get this width."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """`w_auto` or `dpr_auto`; all else belongs to the width."""

    key: str
    step: int = STEP_DEFAULT
    fallback: int | None = None
    search: Breakpoints | None = None
    is_json: bool = False
    """Tell the breakpoints; no screen is asked then."""


def read_hinted(key: str, value: str) -> Hinted | None:
    """None when it is something else. Raises Malformed for `w_auto` with what it does not take."""
    if key == "dpr" and value == AUTO:
        return Hinted(key)
    if key != "w" or value.partition(":")[0] != AUTO:
        return None
    words = value.split(":", maxsplit=3)[1:]
    if words and words[0].startswith(BREAKPOINTS):
        return _read_breakpoints(words)
    match words:
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


def _read_breakpoints(words: list[str]) -> Hinted:
    """Raises Malformed."""
    is_json = words[-1] == JSON
    rest = words[1:-1] if is_json else words[1:]
    if len(rest) > 1:
        raise Malformed
    fallback = read_integer(rest[0], low=1, high=AUTO_WIDTH_MAX) if rest else None
    numbers = words[0].split("_")[1:]
    if words[0].split("_")[0] != BREAKPOINTS or len(numbers) not in {0, 4}:
        raise Malformed
    search = Breakpoints(images_max=DELIVERED_IMAGES_MAX)
    if numbers:
        low = read_integer(numbers[0], low=1, high=WIDTH_MAX)
        search = Breakpoints(
            min_width=low,
            max_width=read_integer(numbers[1], low=low, high=WIDTH_MAX),
            step_bytes=read_integer(numbers[2], low=1, high=10_000) * KILOBYTE,
            images_max=min(read_integer(numbers[3], low=1, high=200), DELIVERED_IMAGES_MAX),
        )
    return Hinted("w", fallback=None if is_json else fallback, search=search, is_json=is_json)


def write_breakpoints(search: Breakpoints, last: str) -> str:
    """The value of `w`; `last` follows after a colon."""
    numbers = search.min_width, search.max_width, search.step_bytes // KILOBYTE, search.images_max
    return f"{AUTO}:{BREAKPOINTS}_{'_'.join(map(str, numbers))}{':' if last else ''}{last}"


def write_widths(widths: AutoWidths) -> str:
    """What a component says once the screen is known."""
    return write_breakpoints(widths.search, JSON if widths.wanted is None else str(widths.wanted))


def write_hinted(hinted: Hinted) -> str:
    if hinted.search is not None:
        return write_breakpoints(hinted.search, JSON if hinted.is_json else str(hinted.fallback or ""))
    if hinted.fallback is not None:
        return f"{AUTO}:{hinted.step}:{hinted.fallback}"
    return AUTO if hinted.step == STEP_DEFAULT else f"{AUTO}:{hinted.step}"

"""Responsive breakpoints: widths at which a picture is worth another file, because it is so many bytes smaller.

Every width that is told was measured by a real encoding, and told with its bytes. The search is a generator: it yields a
width, is sent the bytes of the picture at that width, and returns what it chose. It encodes each picture that it tells once,
and nothing else: the widest, the narrowest, and those whose bytes stand evenly between, a step apart at least.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import isqrt

IMAGES_MAX = 20
"""Breakpoints of one search, and so its encodings."""
DELIVERED_IMAGES_MAX = 10
"""The same for a search that a URL asks for: nobody has signed it."""
WIDTH_MAX = 10_000
STEP_BYTES_MIN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoints:
    """What is searched for; the defaults are Cloudinary's."""

    min_width: int = 50
    max_width: int = 1000
    step_bytes: int = 20_000
    images_max: int = IMAGES_MAX


@dataclass(frozen=True, slots=True)
class AutoWidths:
    """A width that is one of the breakpoints: the narrowest that has so many pixels. None: all of them are told instead."""

    search: Breakpoints
    wanted: int | None

    def chosen(self, widths: Sequence[int]) -> int:
        """Of `widths`, the widest first."""
        enough = [width for width in widths if self.wanted is not None and width >= self.wanted]
        return enough[-1] if enough else widths[0]


DEFAULTS = Breakpoints()


def search(asked: Breakpoints, full_width: int) -> Generator[int, int, tuple[int, ...]]:
    """The chosen widths, the widest first. `full_width`: of the picture; nothing is enlarged."""
    widest = min(asked.max_width, full_width)
    narrowest = min(asked.min_width, widest)
    measured = {widest: (yield widest)}
    if narrowest == widest or asked.images_max == 1:
        return (widest,)
    measured[narrowest] = yield narrowest
    most, least = measured[widest], measured[narrowest]
    count = min(asked.images_max, max(2, 1 + (most - least) // asked.step_bytes))
    for number in range(1, count - 1):
        width = _between(measured, most - (most - least) * number // (count - 1))
        if width not in measured:
            measured[width] = yield width
    return tuple(sorted(measured, reverse=True))


def _between(measured: dict[int, int], wanted_bytes: int) -> int:
    """The width that may have so many bytes: they grow about as the area does."""
    low = max((width for width in measured if measured[width] <= wanted_bytes), default=min(measured))
    high = min((width for width in measured if width > low), default=low)
    gap = measured[high] - measured[low]
    if gap <= 0:
        return low
    area = low * low + (high * high - low * low) * (wanted_bytes - measured[low]) // gap
    return min(max(isqrt(area), low), high)

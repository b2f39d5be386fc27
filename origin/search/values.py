"""What stands beside a comparison: numbers and times. Each is a span, because `2026-11-24` is a whole day.

number = [sign] digits ["." digits] ["kb" / "mb" / "gb"]      ; an aspect ratio may be W:H
time   = date ["T" clock] / digits ("d" / "w" / "m" / "y")    ; so long ago: a day, a week, 30 days, 365 days
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Scalar = str | int | float | None
"""What a column of the index can hold."""

_NUMBER = re.compile(r"([+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?)(kb|mb|gb)?", re.IGNORECASE)
_UNITS = {"": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}
_RATIO = re.compile(r"([0-9]{1,6}):([0-9]{1,6})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AGO = re.compile(r"([0-9]{1,5})([dwmy])", re.IGNORECASE)
_DAY_SECONDS = 86_400.0
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
RATIO_DIGITS = 2
"""Aspect ratios are compared as rounded as they are told."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open [start, end); a point when both are the same."""

    start: float
    end: float

    @property
    def is_point(self) -> bool:
        return self.start == self.end


def read_number(text: str) -> Span | None:
    """None for what is no number."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    number = float(match[1]) * _UNITS[(match[2] or "").lower()]
    return Span(number, number)


def read_ratio(text: str) -> Span | None:
    """`16:9`, or a number."""
    match = _RATIO.fullmatch(text.strip())
    if match is None:
        found = read_number(text)
        return None if found is None else _point(round(found.start, RATIO_DIGITS))
    return _point(round(int(match[1]) / int(match[2]), RATIO_DIGITS)) if int(match[2]) else None


def read_time(text: str, *, now: float) -> Span | None:
    """A day is all of it, a clock the second that it tells; what is so long ago is a point."""
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return _point(now - int(ago[1]) * _DAYS[ago[2].lower()] * _DAY_SECONDS)
    return read_date(text)


def read_date(text: str) -> Span | None:
    """As `read_time`, without what counts from now."""
    stripped = text.strip()
    try:
        if _DATE.fullmatch(stripped):
            start = datetime.fromisoformat(stripped).replace(tzinfo=UTC)
            return Span(start.timestamp(), start.timestamp() + _DAY_SECONDS)
        if _DATE.match(stripped) is None:
            return None
        given = datetime.fromisoformat(stripped)
        start = (given if given.tzinfo else given.replace(tzinfo=UTC)).replace(microsecond=0)
        return Span(start.timestamp(), (start + timedelta(seconds=1)).timestamp())
    except (ValueError, OverflowError):
        return None


def _point(number: float) -> Span:
    return Span(number, number)

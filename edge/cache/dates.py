"""HTTP dates, strictly: the three forms of RFC 9110 section 5.6.7 and nothing like them.

Sun, 06 Nov 1994 08:49:37 GMT     the only one that may be sent
Sunday, 06-Nov-94 08:49:37 GMT    RFC 850, a year of two digits
Sun Nov  6 08:49:37 1994          asctime
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
LONG_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_MONTH = f"({'|'.join(MONTHS)})"
_FIXDATE = re.compile(rf"(?:{'|'.join(DAYS)}), ([0-9]{{2}}) {_MONTH} ([0-9]{{4}}) {_TIME} GMT")
_RFC_850 = re.compile(rf"(?:{'|'.join(LONG_DAYS)}), ([0-9]{{2}})-{_MONTH}-([0-9]{{2}}) {_TIME} GMT")
_ASCTIME = re.compile(rf"(?:{'|'.join(DAYS)}) {_MONTH} ([0-9]{{2}}| [0-9]) {_TIME} ([0-9]{{4}})")

FUTURE_YEARS_MAX = 50
"""A year of two digits that would lie further ahead is taken for one of the past."""


def parse_date(text: str, *, now: float) -> int | None:
    """Seconds since 1970, or None. `now` settles which century a year of two digits is in."""
    if match := _FIXDATE.fullmatch(text):
        day, month, year, *clock = match.groups()
        return _seconds(int(year), month, day, clock)
    if match := _ASCTIME.fullmatch(text):
        month, day, hour, minute, second, year = match.groups()
        return _seconds(int(year), month, day, [hour, minute, second])
    if match := _RFC_850.fullmatch(text):
        day, month, short, *clock = match.groups()
        this = datetime.fromtimestamp(now, UTC).year
        year_full = this - this % 100 + int(short)
        if year_full > this + FUTURE_YEARS_MAX:
            year_full -= 100
        return _seconds(year_full, month, day, clock)
    return None


def format_date(seconds: float) -> str:
    """The form that may be sent."""
    at = datetime.fromtimestamp(int(seconds), UTC)
    return f"{DAYS[at.weekday()]}, {at.day:02} {MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"


def _seconds(year: int, month: str, day: str, clock: list[str]) -> int | None:
    hour, minute, second = (int(part) for part in clock)
    try:
        moment = datetime(year, MONTHS.index(month) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    if second > 60:  # 60 is a leap second
        return None
    return calendar.timegm(moment.timetuple()) + second - min(second, 59)

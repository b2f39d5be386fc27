"""By which day a request of a person must be answered: Art. 12(3) GDPR, counted like Regulation 1182/71. Pure.

    the day on which it was received does not count (Art. 3(1))
    one month ends with the day of the same number, or the last day of a month that has none (Art. 3(2)(c))
    two further months are counted from there, once, with a reason that is told within the first one
    a Saturday or a Sunday moves the end to the next Monday (Art. 3(4)); public holidays are not known here

Where the rule leaves a choice the earlier day is taken, and a holiday that is not known makes the day here the earlier one:
whoever keeps to it is never late. Days are those of UTC.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta

ANSWER_MONTHS = 1
FURTHER_MONTHS = 2
EPOCH = date(1970, 1, 1)
_SATURDAY = 5


def due_of(received: date, *, is_extended: bool = False) -> date:
    """The last day.

    >>> str(due_of(date(2026, 1, 31))), str(due_of(date(2026, 1, 31), is_extended=True))
    ('2026-03-02', '2026-04-28')
    """
    end = months_after(received, ANSWER_MONTHS)
    return working_day(months_after(end, FURTHER_MONTHS) if is_extended else end)


def months_after(day: date, months: int) -> date:
    """The same number in a later month, or its last day.

    >>> str(months_after(date(2027, 11, 30), 3))
    '2028-02-29'
    """
    count = day.month - 1 + months
    year, month = day.year + count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def working_day(day: date) -> date:
    """
    >>> str(working_day(date(2026, 2, 28)))
    '2026-03-02'
    """
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= _SATURDAY else day


def day_of(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def number_of(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_numbered(number: int) -> date:
    return EPOCH + timedelta(days=number)

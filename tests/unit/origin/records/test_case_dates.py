from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.records.case_dates import day_numbered, due_of, months_after, number_of, working_day

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1))


@pytest.fixture(autouse=True)
def _database() -> None:
    """None is needed."""


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        ("2026-03-05", "2026-04-06", "2026-06-05"),  # Sunday 5 April becomes Monday; the two months run from the 5th
        ("2026-08-31", "2026-09-30", "2026-11-30"),
        ("2026-01-31", "2026-03-02", "2026-04-28"),  # 28 February is a Saturday
        ("2028-01-31", "2028-02-29", "2028-05-01"),  # a leap year; 29 April is a Saturday
        ("2026-11-30", "2026-12-30", "2027-03-01"),  # 28 February 2027 is a Sunday
        ("2026-12-15", "2027-01-15", "2027-03-15"),
        ("2026-10-24", "2026-11-24", "2027-01-25"),  # received on a Saturday: that day does not count anyway
    ],
)
def test_dates_that_were_counted_by_hand(received: str, due: str, extended: str) -> None:
    day = date.fromisoformat(received)
    assert (due_of(day).isoformat(), due_of(day, is_extended=True).isoformat()) == (due, extended)


@given(DAYS)
def test_a_due_date_is_a_working_day_about_a_month_off_and_never_goes_back(day: date) -> None:
    due = due_of(day)
    assert due.weekday() < 5
    assert 28 <= (months_after(day, 1) - day).days <= 31
    assert months_after(day, 1) <= due <= months_after(day, 1) + timedelta(days=2)
    assert due_of(day + timedelta(days=1)) >= due
    assert due < due_of(day, is_extended=True) <= months_after(day, 3) + timedelta(days=2)
    assert day_numbered(number_of(day)) == day
    assert working_day(due) == due

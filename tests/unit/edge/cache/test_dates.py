from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.dates import format_date, parse_date

NOW = 1_700_000_000.0
THEN = 784_111_777


@pytest.mark.parametrize(
    "text",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_the_three_forms_of_the_standard_mean_the_same(text: str) -> None:
    assert parse_date(text, now=NOW) == THEN


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "",
        "-1",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert parse_date(text, now=NOW) is None


def test_a_year_of_two_digits_is_never_far_ahead() -> None:
    assert parse_date("Wednesday, 01-Jan-73 00:00:00 GMT", now=NOW) == parse_date(
        "Wed, 01 Jan 2073 00:00:00 GMT", now=NOW
    )
    assert parse_date("Wednesday, 01-Jan-75 00:00:00 GMT", now=NOW) == parse_date(
        "Wed, 01 Jan 1975 00:00:00 GMT", now=NOW
    )


@given(st.integers(0, 253_402_300_799))
def test_what_is_written_is_read_again(seconds: int) -> None:
    assert parse_date(format_date(seconds), now=NOW) == seconds

"""Counts of a window, the headers that the SDKs can read, and who is told no."""

from __future__ import annotations

import email.utils

import pytest

from domicile.media.errors import Overloaded, QuotaUsedUp
from origin.rates import DAY_SECONDS, Rates, check_daily, check_rate


def test_the_headers_count_down_and_the_hour_starts_anew() -> None:
    rates = Rates(2)
    first = rates.count("acme", now=7200.0).headers
    assert (first["X-FeatureRateLimit-Limit"], first["X-FeatureRateLimit-Remaining"]) == ("2", "1")
    assert email.utils.parsedate(first["X-FeatureRateLimit-Reset"]) is not None
    assert rates.count("other", now=7201.0).left == 1
    second = rates.count("acme", now=7202.0)
    assert second.left == 0
    check_rate(second, "this API key")
    with pytest.raises(Overloaded, match="this API key: 2 calls"):
        check_rate(rates.count("acme", now=7203.0), "this API key")
    assert rates.count("acme", now=10800.0).left == 1


def test_a_day_is_a_window_and_the_error_names_the_quota() -> None:
    rates = Rates(window_seconds=DAY_SECONDS)
    check_daily(rates.count("acme", calls_max=1, now=0.0), "renders_per_day_max")
    with pytest.raises(QuotaUsedUp, match="renders_per_day_max: 1 in a day"):
        check_daily(rates.count("acme", calls_max=1, now=DAY_SECONDS - 1.0), "renders_per_day_max")
    check_daily(rates.count("acme", calls_max=1, now=float(DAY_SECONDS)), "renders_per_day_max")

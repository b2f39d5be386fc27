"""Quota headers that the SDKs can read."""

from __future__ import annotations

import email.utils

import pytest

from domicile.media.errors import Overloaded
from origin.rates import Rates


def test_the_headers_count_down_and_the_hour_starts_anew() -> None:
    rates = Rates(2)
    first = rates.count("acme", now=7200.0)
    assert (first["X-FeatureRateLimit-Limit"], first["X-FeatureRateLimit-Remaining"]) == ("2", "1")
    assert email.utils.parsedate(first["X-FeatureRateLimit-Reset"]) is not None
    assert rates.count("other", now=7201.0)["X-FeatureRateLimit-Remaining"] == "1"
    assert rates.count("acme", now=7202.0)["X-FeatureRateLimit-Remaining"] == "0"
    with pytest.raises(Overloaded):
        rates.count("acme", now=7203.0)
    assert rates.count("acme", now=10800.0)["X-FeatureRateLimit-Remaining"] == "1"

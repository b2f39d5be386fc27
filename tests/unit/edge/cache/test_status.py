from __future__ import annotations

import math

import pytest

from edge.cache.reuse import Forward
from edge.cache.status import CacheStatus


@pytest.mark.parametrize(
    "status, text",
    [
        (CacheStatus(ttl=5.9), "Domicile; hit; ttl=5"),
        (CacheStatus(ttl=-0.5, detail="stale-while-revalidate"), "Domicile; hit; ttl=-1; detail=stale-while-revalidate"),
        (CacheStatus(ttl=-math.inf), "Domicile; hit"),
        (CacheStatus(forward=Forward.URI_MISS, forward_status=200, stored=True, ttl=60.0),
         "Domicile; fwd=uri-miss; fwd-status=200; stored; ttl=60"),
        (CacheStatus(forward=Forward.STALE, forward_status=304, collapsed=True),
         "Domicile; fwd=stale; fwd-status=304; collapsed"),
    ],
)  # fmt: skip
def test_one_member_of_the_list(status: CacheStatus, text: str) -> None:
    assert status.text() == text

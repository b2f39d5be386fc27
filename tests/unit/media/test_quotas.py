"""Room, by number and by bytes; the error names the quota."""

from __future__ import annotations

import pytest

from domicile.media.errors import LimitExceeded
from domicile.media.policy import PolicyError
from domicile.media.policy_file import from_mapping
from domicile.media.quotas import NO_QUOTAS, Quotas


def test_there_is_room_up_to_the_quota_and_not_above() -> None:
    quotas = Quotas(assets_max=2, bytes_max=100)
    quotas.check_room(1, 90, more_bytes=10)
    with pytest.raises(LimitExceeded, match="assets_max"):
        quotas.check_room(2, 0)
    with pytest.raises(LimitExceeded, match="bytes_max"):
        quotas.check_room(1, 90, more_bytes=11)
    quotas.check_room(2, 90, more_assets=0, more_bytes=10)
    quotas.check_room(9, 900, more_assets=0, more_bytes=-1)


def test_without_quotas_there_is_no_end() -> None:
    NO_QUOTAS.check_room(10**12, 10**15, more_bytes=10**12)


def test_a_policy_file_says_them_and_edges_are_not_told() -> None:
    policy = from_mapping({"tenant": "acme", "quotas": {"assets_max": 3, "calls_per_hour_max": 9}}, home="eu-de")
    assert policy.quotas == Quotas(assets_max=3, calls_per_hour_max=9)
    assert policy.quotas.to_mapping() == {"assets_max": 3, "calls_per_hour_max": 9}
    assert "quotas" not in policy.to_mapping()


@pytest.mark.parametrize("table", [{"assets_max": 0}, {"assets_max": "3"}, {"pictures_max": 3}, {"bytes_max": True}, 5])
def test_what_is_no_quota_is_refused_by_name(table: object) -> None:
    with pytest.raises(PolicyError, match="quotas"):
        from_mapping({"tenant": "acme", "quotas": table}, home="eu-de")

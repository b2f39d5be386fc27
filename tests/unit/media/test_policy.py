"""Residency decisions: deny by default, and never wider than what was written."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.policy import (
    Activity,
    Deny,
    Permit,
    Place,
    PolicyError,
    Preset,
    ResidencyPolicy,
    decide,
    zones_of,
)
from domicile.media.policy_file import from_mapping

REGIONS = ["eu-de", "eu-de-1", "eu-fr", "eea-no", "us-east", "ch-zurich", "gb-london", "jp-tokyo"]
MOON = Place(name="m", region="moon-base")


def policy(home: str = "eu-de", **fields: Any) -> ResidencyPolicy:
    return from_mapping({"tenant": "demo", **fields}, home=home)


def allows(rules: ResidencyPolicy | None, activity: Activity, region: str) -> bool:
    return isinstance(decide(rules, activity, Place(name="p", region=region), at=0.0), Permit)


ELSEWHERE = {Activity.DELIVER, Activity.INGRESS_FETCH, Activity.EGRESS_WEBHOOK}


@pytest.mark.parametrize("activity", [a for a in Activity if a not in ELSEWHERE])
def test_the_default_policy_keeps_everything_in_the_home_region(activity: Activity) -> None:
    rules = policy()
    assert allows(rules, activity, "eu-de")
    assert allows(rules, activity, "eu-de-1")
    assert not any(allows(rules, activity, region) for region in REGIONS if not region.startswith("eu-de"))


def test_the_default_policy_is_the_strictest_preset_with_its_strictest_values() -> None:
    rules = policy()
    assert rules.preset is Preset.STRICT_EU
    assert rules.lease_seconds == 30.0
    assert rules.lifetimes.browser_seconds_max == 60
    assert rules.lifetimes.shared_seconds_max == 300
    assert rules.timing_allow_origin == ()
    assert not rules.declared_non_personal
    assert rules.originals == "stripped"
    assert rules.erased_status == 404
    assert rules.zones[Activity.INGRESS_FETCH] == rules.zones[Activity.EGRESS_WEBHOOK] == ()
    assert rules.notifications.hosts == ()


def test_strict_eu_outside_the_eea_allows_nothing() -> None:
    rules = policy(home="us-east")
    assert not any(allows(rules, activity, region) for activity in Activity for region in REGIONS)


@pytest.mark.parametrize("activity", list(Activity))
def test_no_policy_and_unknown_places_are_denied(activity: Activity) -> None:
    assert isinstance(decide(None, activity, Place(name="p", region="eu-de"), at=0.0), Deny)
    for preset in Preset:
        assert isinstance(decide(policy(interpretation=str(preset)), activity, MOON, at=0.0), Deny)


def test_a_stricter_preset_permits_a_subset() -> None:
    presets = [policy(interpretation=str(preset)) for preset in Preset]  # strictest first
    for stricter, wider in itertools.pairwise(presets):
        for activity in Activity:
            for region in REGIONS:
                assert allows(wider, activity, region) or not allows(stricter, activity, region)


zone_lists = st.lists(st.sampled_from(["eu", "eea", "world", "us", "ch", *REGIONS]), max_size=4, unique=True)


@given(zones=zone_lists, dropped=st.integers(0, 3), region=st.sampled_from([*REGIONS, "moon-base", "", "eu-xx"]))
def test_removing_a_zone_never_permits_more(zones: list[str], dropped: int, region: str) -> None:
    wide = policy(zones={"cache": zones})
    narrow = policy(zones={"cache": zones[:dropped] + zones[dropped + 1 :]})
    assert allows(wide, Activity.CACHE, region) or not allows(narrow, Activity.CACHE, region)


def test_a_permit_is_not_built_by_hand() -> None:
    with pytest.raises(TypeError, match="decide"):
        Permit(
            tenant="demo",
            activity=Activity.STORE,
            place=MOON,
            policy_version=1,
            valid_until=0.0,
            _key=object(),
        )


def test_a_permit_for_one_thing_does_not_do_for_another() -> None:
    permit = decide(policy(), Activity.CACHE, Place(name="p", region="eu-de"), at=0.0)
    assert isinstance(permit, Permit)
    permit.require(Activity.CACHE, "demo")
    with pytest.raises(TypeError, match="used to store"):
        permit.require(Activity.STORE, "demo")
    with pytest.raises(TypeError):
        permit.require(Activity.CACHE, "other")


@pytest.mark.parametrize(
    ("region", "zones"),
    [
        ("eu-de-1", ("eu-de-1", "eu-de", "eu", "eea", "world")),
        ("eea-no", ("eea-no", "eea", "world")),
        ("us-east-2", ("us-east-2", "us-east", "us", "world")),
        ("eu-us", ()),
        ("EU-DE", ()),
        ("eu-de-", ()),
        ("eu", ()),
        ("", ()),
    ],
)
def test_zones_contain_each_other(region: str, zones: tuple[str, ...]) -> None:
    assert zones_of(region) == zones


def test_who_may_be_told_is_read_and_edges_hear_of_it_only_where_somebody_is() -> None:
    rules = policy(notifications={"hosts": ["app.example", "*.example.net:8443"], "digest": "sha256"})
    assert (rules.notifications.hosts, rules.notifications.digest) == (("app.example", "*.example.net:8443"), "sha256")
    assert from_mapping(rules.to_mapping(), home="eu-de") == rules
    told = policy(zones={"egress_webhook": ["eu"]})
    assert from_mapping(told.to_mapping(), home="eu-de") == told
    mapping = policy().to_mapping()
    assert "notifications" not in mapping
    assert "egress_webhook" not in mapping["zones"]
    for wrong, said in (
        ({"hosts": ["https://app.example/"]}, "notifications.hosts"),
        ({"hosts": ["*"]}, "notifications.hosts"),
        ({"digest": "md5"}, "notifications.digest"),
        ({"host": ["app.example"]}, "notifications.host"),
    ):
        with pytest.raises(PolicyError, match=said):
            policy(notifications=wrong)

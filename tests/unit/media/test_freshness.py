"""Lifetimes: the only lever on caches that nobody can purge."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domicile.media.freshness import NO_STORE, Outward, outward
from domicile.media.policy_file import from_mapping


def lifetimes(**fields: Any) -> Outward:
    return outward(from_mapping({"tenant": "demo", **fields}, home="eu-de"), public=True)


def test_personal_media_is_capped_and_must_be_revalidated() -> None:
    said = lifetimes()
    assert said.cache_control == "public, no-transform, max-age=60, s-maxage=300, must-revalidate"
    assert said.cdn_cache_control == "max-age=300, must-revalidate"
    assert said.surrogate_control == "max-age=300"


@pytest.mark.parametrize("declared", [True, False])
def test_nothing_we_say_lets_a_cache_serve_what_it_cannot_check(declared: bool) -> None:
    said = " ".join(value for _, value in lifetimes(declared_non_personal=declared).headers())
    assert not re.search("immutable|stale-while-revalidate|stale-if-error", said)


def test_every_shared_cache_field_states_the_same_lifetime() -> None:
    said = lifetimes(lifetimes={"shared_seconds_max": 42})
    found = re.findall(r"(?:s-maxage|max-age)=(\d+)", f"{said.cdn_cache_control} {said.surrogate_control}")
    assert found == ["42", "42"]
    assert "s-maxage=42" in said.cache_control
    assert "max-age=42" in said.cache_control  # a browser is not given longer than a shared cache


def test_an_answer_for_one_viewer_is_stored_nowhere() -> None:
    assert outward(from_mapping({"tenant": "demo"}, home="eu-de"), public=False) is NO_STORE
    assert all("no-store" in value for _, value in NO_STORE.headers())


def test_nobody_outside_may_keep_a_copy_longer_than_the_edge_may() -> None:
    policy = from_mapping({"tenant": "demo"}, home="eu-de")
    said = outward(policy, public=True, remaining_seconds=7)
    assert said.cache_control == "public, no-transform, max-age=7, s-maxage=7, must-revalidate"
    assert (said.cdn_cache_control, said.surrogate_control) == ("max-age=7, must-revalidate", "max-age=7")
    assert outward(policy, public=True, remaining_seconds=10_000) == outward(policy, public=True)


def test_what_stands_in_for_a_missing_asset_is_kept_by_its_viewer_alone_and_not_for_long() -> None:
    policy = from_mapping({"tenant": "demo", "declared_non_personal": True}, home="eu-de")
    said = outward(policy, public=True, stands_in=True)
    assert said.cache_control == "private, no-transform, max-age=10, must-revalidate"
    assert (said.cdn_cache_control, said.surrogate_control) == ("no-store", "no-store")
    assert "max-age=3," in outward(policy, public=True, stands_in=True, remaining_seconds=3).cache_control
    assert outward(policy, public=False, stands_in=True) == NO_STORE

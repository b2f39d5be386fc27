"""What caches outside make of our answers: read with the rules that our own cache applies to others'."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from domicile.media.errors import AssetNotFound, LeaseLost
from domicile.media.freshness import outward
from domicile.media.policy_file import from_mapping
from edge.cache.dates import format_date
from edge.cache.directives import Rules, rules_of
from edge.cache.fields import Fields, without
from edge.cache.storable import is_storable
from edge.cache.stored import Received
from edge.respond import Making, Manner, Reply, picture, refusal
from edge.upstream import AssetGone
from tests.unit.edge.cache.heads import NOW
from tests.unit.edge.test_respond import HEAD

TARGETED = ("cdn-cache-control", "surrogate-control")


def answer(*, public: bool = True, stands_in: bool = False, asked: dict[str, str] | None = None, **said: Any) -> Reply:
    policy = from_mapping({"tenant": "demo", **said}, home="eu-de")
    manner = Manner(
        outward=outward(policy, public=public, stands_in=stands_in), timing_allow_origin=(), vary=(), disposition=None,
        region="eu-de",
    )  # fmt: skip
    fields = CIMultiDict(asked or {})
    making = Making(tier="memory", remaining_seconds=50)
    return picture(HEAD, making, manner, method="GET", asked=fields, elapsed_seconds=0.0, boundary="b")


def seen_by(cache: str, reply: Reply) -> Fields:
    """A shared cache that knows one of the targeted fields, or none."""
    return without(reply.headers, {name for name in TARGETED if name != cache})


def is_kept(cache: str, reply: Reply) -> bool:
    fields = (*seen_by(cache, reply), ("Date", format_date(NOW)), ("Last-Modified", format_date(NOW - 10**6)))
    got = Received(status=reply.status, reason="", fields=fields, requested=NOW, received=NOW)
    return is_storable("GET", "/", (), got, heuristic_fraction=0.1)


@pytest.mark.parametrize("cache", ["any", *TARGETED])
def test_a_picture_is_kept_for_its_lifetime_and_never_served_when_it_is_too_old(cache: str) -> None:
    rules: Rules = rules_of(seen_by(cache, answer()))
    assert is_kept(cache, answer())
    assert (rules.lifetime, rules.stale_while_revalidate, rules.stale_if_error) == (300, 0, 0)
    assert rules.must_revalidate or cache == "surrogate-control"  # which has no word for it


@pytest.mark.parametrize("cache", ["any", *TARGETED])
@pytest.mark.parametrize(
    "reply",
    [
        answer(public=False),
        answer(stands_in=True),
        answer(asked={"Range": "bytes=900-"}),
        refusal(AssetNotFound("Resource not found"), region="eu-de"),
        refusal(AssetGone("Resource not found", 410), region="eu-de"),
        refusal(AssetGone("Resource not found", 404, remembered=True), region="eu-de"),
        refusal(LeaseLost("later"), region="eu-de"),
    ],
    ids=["for one viewer", "stands in", "416", "404", "410", "404 again", "503"],
)
def test_what_is_for_one_viewer_and_every_negative_is_kept_by_no_shared_cache(cache: str, reply: Reply) -> None:
    assert not is_kept(cache, reply)

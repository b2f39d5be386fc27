from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.grammar import DEFAULT_LIMITS
from domicile.media.journal import Entry, Fence, Kind
from domicile.media.pending import NO_HINTS
from domicile.media.policy_file import from_mapping
from domicile.media.url import parse
from edge.following import TenantState
from edge.keys import Terms, wanted
from edge.lookup import Found, Lookup
from edge.messages import TenantGrant
from edge.store.memory import MemoryStore
from edge.store.port import Stored, StoredHead
from edge.verdict import Verdict
from edge.wanted import Wanted

AID = Aid("a" * 32)
NAME_KEY = b"n" * 32


def state(**policy: object) -> TenantState:
    its = from_mapping({"tenant": "demo", **policy}, home="eu-de")
    grant = TenantGrant(
        tenant="demo",
        name_key=NAME_KEY,
        file_key=b"f" * 32,
        config_revision=1,
        policy=its.to_mapping(),
        home="eu-de",
        epoch_floor=1,
    )
    return TenantState(grant, Fence(applied=1, epoch=1))


def asked(path: str) -> Wanted:
    terms = Terms(
        accept="",
        hints=NO_HINTS,
        policy=state().policy,
        config_revision=1,
        name_key=NAME_KEY,
        named={},
        limits=DEFAULT_LIMITS,
    )
    return wanted(path, parse(path), terms)


def stored(names: tuple[NameHash, ...], **changes: object) -> Stored:
    head = StoredHead(
        tenant="demo", contributors=(AID,), names=names, epoch=1, sequence=1, config_revision=1, stored_at=100.0,
        ttl_seconds=50.0, content_type="image/png", etag='"e"', body_bytes=1, format="png", content_info="",
    )  # fmt: skip
    return Stored(head=msgspec.structs.replace(head, **changes), body=b"x")


def lookup(its: TenantState | None) -> Lookup:
    memory = MemoryStore(bytes_max=100_000, object_bytes_max=1000, count=lambda _: None)
    return Lookup(
        memory=memory,
        disk=None,
        tenant_of=lambda tenant: its if tenant == "demo" else None,
        is_waiting=lambda tenant: tenant == "waits",
        count=lambda _, by=1: None,
    )


PLAIN = asked("/demo/image/upload/w_1/v1/pic.png")
DOUBTFUL = asked("/demo/image/upload/w_1/pic.png")


@pytest.mark.parametrize(("now", "found"), [(100.0, True), (149.9, True), (150.0, False), (99.9, False)])
def test_an_object_is_served_until_its_time_is_over_and_never_before_it_was_stored(now: float, found: bool) -> None:
    tiers = lookup(state())
    tiers.memory.put(PLAIN.ways[0].key, stored(PLAIN.names))
    assert isinstance(tiers.in_memory(PLAIN, now=now), Found) is found


def test_a_policy_that_was_shortened_holds_for_what_is_stored_already() -> None:
    tiers = lookup(state(lifetimes={"edge_seconds_max": 10}))
    tiers.memory.put(PLAIN.ways[0].key, stored(PLAIN.names))
    assert isinstance(tiers.in_memory(PLAIN, now=109.9), Found)
    assert tiers.in_memory(PLAIN, now=110.0) is Verdict.STALE
    assert tiers.remaining_seconds(stored(PLAIN.names).head, now=104.5) == 5


def test_what_the_fence_forbids_is_a_miss() -> None:
    its = state()
    tiers = lookup(its)
    tiers.memory.put(PLAIN.ways[0].key, stored(PLAIN.names))
    its.fence.apply(Entry(tenant="demo", epoch=1, seq=2, kind=Kind.ASSET, aids=(AID,)))
    assert tiers.in_memory(PLAIN, now=101.0) is Verdict.MISS


def test_what_was_read_in_a_history_that_was_dropped_is_a_miss() -> None:
    its = state()
    tiers = lookup(its)
    tiers.memory.put(PLAIN.ways[0].key, stored(PLAIN.names))
    its.epoch_floor = 2
    assert tiers.in_memory(PLAIN, now=101.0) is Verdict.MISS


def test_a_tenant_that_was_withdrawn_has_nothing() -> None:
    tiers = lookup(None)
    tiers.memory.put(PLAIN.ways[0].key, stored(PLAIN.names))
    assert tiers.in_memory(PLAIN, now=101.0) is Verdict.MISS


def test_a_later_reading_is_served_only_while_the_earlier_ones_are_known_not_to_exist() -> None:
    tiers = lookup(state())
    first, second = DOUBTFUL.names
    tiers.memory.put(DOUBTFUL.ways[1].key, stored((second,)))
    assert tiers.in_memory(DOUBTFUL, now=101.0) is Verdict.MISS
    tiers.memory.put(DOUBTFUL.ways[1].key, stored((second, first)))
    found = tiers.in_memory(DOUBTFUL, now=101.0)
    assert isinstance(found, Found)
    assert found.way == DOUBTFUL.ways[1]


def test_what_stands_in_answers_only_where_every_reading_was_looked_for() -> None:
    tiers = lookup(state())
    first, second = DOUBTFUL.names
    tiers.memory.put(DOUBTFUL.ways[0].key, stored((first,), stands_in=True))
    assert tiers.in_memory(DOUBTFUL, now=101.0) is Verdict.MISS
    tiers.memory.put(DOUBTFUL.ways[0].key, stored((first, second), stands_in=True))
    assert isinstance(tiers.in_memory(DOUBTFUL, now=101.0), Found)


def test_age_does_not_count_for_an_object_of_this_moment_but_another_configuration_does() -> None:
    its = state(lifetimes={"edge_seconds_max": 0})
    tiers, head = lookup(its), stored(PLAIN.names).head
    plain = replace(PLAIN, policy=state(lifetimes={"edge_seconds_max": 0}).policy)
    assert tiers.is_answer(head, plain, 0)
    assert not tiers.is_answer(head, PLAIN, 0), "the revision may be known before the policy that belongs to it"
    its.config_revision = 2
    assert not tiers.is_answer(head, plain, 0)


def test_a_file_stays_while_nobody_can_tell_whether_it_is_stale() -> None:
    tiers, head = lookup(None), stored(PLAIN.names).head
    assert not tiers.may_stay(head)
    assert tiers.may_stay(msgspec.structs.replace(head, tenant="waits"))
    assert not tiers.is_fresh(msgspec.structs.replace(head, tenant="waits"))

"""What a worker keeps and drops as snapshots and events of its agent come."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from domicile.media.asset import Aid
from domicile.media.errors import LeaseLost
from domicile.media.journal import Entry, Fence, Kind
from edge.counters import Counters
from edge.following import Following
from edge.messages import Applied, Granted, Numbered, Part, Snapshot, TenantGrant, Waiting, Withdrawn
from edge.page import COUNTERS_MAX, SharedPage
from edge.settings import EdgeSettings
from tests.unit.edge.rig import PlayedLink, policy

AID = Aid("a" * 32)


def fence(applied: int, *, floor: int = 0) -> Fence:
    return Fence(applied=applied, floor=floor, epoch=1)


def granted(tenant: str = "demo", applied: int = 5, *, floor: int = 0, with_fence: bool = True) -> Granted:
    grant = TenantGrant(
        tenant=tenant, name_key=b"n", file_key=b"f", config_revision=1, policy=policy(tenant=tenant).to_mapping(),
        home="eu-de", epoch_floor=1,
    )  # fmt: skip
    return Granted(grant=grant, fence=fence(applied, floor=floor).state() if with_fence else None)


def waiting(tenant: str = "demo", applied: int = 5, *, floor: int = 0) -> Waiting:
    return Waiting(tenant=tenant, epoch=1, applied=applied, floor=floor, epoch_floor=1)


class Told:
    """The delivery, which only writes down what it is told to drop."""

    def __init__(self) -> None:
        self.following = Following(Counters(memoryview(bytearray(COUNTERS_MAX * 8)).cast("Q")))
        self.dropped: list[str] = []
        self.locks = 0
        self.following.on_entry = self._on_entry
        self.following.on_lock = self._on_lock

    async def _on_entry(self, entry: Entry) -> None:
        self.dropped.append(f"{entry.kind}:{entry.tenant}")

    def _on_lock(self) -> None:
        self.locks += 1


@pytest.fixture
async def told() -> Told:
    made = Told()
    await made.following.take_snapshot([granted()], [])
    made.dropped.clear()
    return made


async def test_a_tenant_that_waits_for_its_grant_is_kept_by_a_worker_with_the_same_history(told: Told) -> None:
    state = told.following.tenants["demo"]
    await told.following.take_snapshot([], [waiting()])
    assert told.following.tenants == {"demo": state}
    assert (told.dropped, told.locks, told.following.waiting) == ([], 0, set())


@pytest.mark.parametrize("other", [waiting(applied=6), waiting(applied=4), waiting(floor=5)])
async def test_one_with_another_history_loses_its_memory_and_no_file(told: Told, other: Waiting) -> None:
    await told.following.take_snapshot([], [other])
    assert (told.following.tenants, told.following.waiting) == ({}, {"demo"})
    assert (told.dropped, told.locks) == ([], 1)


async def test_a_tenant_that_is_in_neither_list_is_withdrawn_and_all_of_it_is_dropped(told: Told) -> None:
    await told.following.take_snapshot([], [waiting("other")])
    assert (told.following.tenants, told.following.waiting) == ({}, {"other"})
    assert (told.dropped, told.locks) == (["all:demo"], 0)


async def test_a_grant_with_the_same_fence_drops_nothing_and_one_with_another_asks_the_fence(told: Told) -> None:
    await told.following.take_snapshot([granted()], [])
    assert told.dropped == []
    await told.following.take_snapshot([granted(applied=9)], [])
    assert told.dropped == ["all:demo"]


async def test_the_grant_that_was_awaited_lets_the_fence_judge_the_files(told: Told) -> None:
    await told.following.take_snapshot([], [waiting(applied=6)])
    await told.following.take_event(granted(applied=6))
    assert (set(told.following.tenants), told.following.waiting) == ({"demo"}, set())
    assert told.dropped == ["all:demo"]


async def test_the_grant_of_a_tenant_that_was_kept_drops_nothing(told: Told) -> None:
    await told.following.take_snapshot([], [waiting()])
    await told.following.take_event(granted())
    assert told.dropped == []


@pytest.mark.parametrize("applied", [5, 6])
async def test_a_tenant_that_waited_and_is_withdrawn_is_dropped(told: Told, applied: int) -> None:
    await told.following.take_snapshot([], [waiting(applied=applied)])
    await told.following.take_event(Withdrawn(tenant="demo"))
    assert (told.following.tenants, told.following.waiting, told.dropped) == ({}, set(), ["all:demo"])


async def test_entries_reach_the_fence_before_the_delivery_hears_of_them(told: Told) -> None:
    seen: list[bool] = []

    async def look(entry: Entry) -> None:
        seen.append(told.following.tenants["demo"].fresh(1, 5, (AID,)))

    told.following.on_entry = look
    await told.following.take_event(Applied(entry=Entry(tenant="demo", epoch=1, seq=6, kind=Kind.ASSET, aids=(AID,))))
    assert seen == [False]


# --- the link around it ---------------------------------------------------------------------------------------------


@pytest.fixture
def link(tmp_path: Path) -> PlayedLink:
    settings = EdgeSettings(region="eu-de", workers=1, data_dir=tmp_path, run_dir=tmp_path)
    played = PlayedLink(settings, SharedPage.create(settings.page_path, workers=1))
    played.lease(3600)
    return played


async def test_a_snapshot_counts_when_its_last_part_is_there(link: PlayedLink) -> None:
    link.page.applied = 7
    await link._take(Snapshot(number=7, agent=1, parts=2))
    await link._take(Part(granted=granted("one")))
    assert (link.serving(), link.slot.applied) == (False, 0)
    await link._take(Part(granted=granted("two")))
    assert (link.serving(), link.slot.applied, set(link.tenants)) == (True, 7, {"one", "two"})


async def test_a_snapshot_that_is_cut_off_is_followed_by_a_whole_one(link: PlayedLink) -> None:
    link.page.applied = 7
    await link._take(Snapshot(number=7, agent=1, parts=2))
    await link._take(Part(granted=granted("one")))
    await link._take(Snapshot(number=7, agent=1, parts=1))
    await link._take(Part(granted=granted("two")))
    assert (link.serving(), set(link.tenants)) == (True, {"two"})


async def test_a_snapshot_without_tenants_counts_at_once(link: PlayedLink) -> None:
    link.page.applied = 7
    await link._take(Snapshot(number=7, agent=1, parts=0, waiting=(waiting(),)))
    assert (link.serving(), link.waiting) == (True, {"demo"})


async def test_a_gap_in_the_events_is_a_start_from_nothing(link: PlayedLink) -> None:
    link.page.applied = 7
    await link._take(Snapshot(number=7, agent=1, parts=1))
    await link._take(Part(granted=granted()))
    link.page.applied = 9
    await link._take(Numbered(number=9, event=Withdrawn(tenant="other")))
    assert (link.serving(), link.tenants) == (False, {})


async def test_of_a_tenant_that_waits_nobody_says_that_it_does_not_exist(link: PlayedLink) -> None:
    from edge.link import NodeLink

    await link._take(Snapshot(number=0, agent=1, parts=0, waiting=(waiting(),)))
    with pytest.raises(LeaseLost):
        await NodeLink.discover(link, "demo")
    with pytest.raises(LeaseLost):  # no agent to ask
        await NodeLink.discover(link, "other")


async def test_a_policy_that_is_not_understood_is_logged_by_its_field_and_not_by_what_it_says(told: Told) -> None:
    its = granted()
    odd = {**its.grant.policy, "redaction": {"faces": "pixelate", "folders": ["/people/jane"]}}
    with capture_logs() as logs:
        await told.following.take_event(structs.replace(its, grant=structs.replace(its.grant, policy=odd)))
    assert [(line["event"], line["setting"]) for line in logs] == [("policy_not_understood", "redaction.folders")]
    assert "jane" not in str(logs)
    assert told.following.tenants == {}

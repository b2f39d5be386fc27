from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domicile.media.errors import AssetExists, AssetNotFound, LimitExceeded
from domicile.media.journal import Kind
from domicile.media.wire import LeaseRequest, TenantLease
from origin.records import Named, Records
from origin.records import named as module
from tests.infra.records import CLOUD, opened, settings, written


def named(name: str, text: str = "c_scale,w_5") -> Named:
    return Named(name=name, text=text, allowed_for_strict=False, created_at=1.0)


async def granted(records: Records) -> TenantLease:
    answer = await records.grant_lease(
        LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={})
    )
    return answer.tenants[0]


async def test_a_change_is_a_config_entry_whose_revision_the_next_grant_has(records: Records) -> None:
    before = await granted(records)
    await records.named.create(CLOUD, named("thumb"))
    entry = (await records.entries({CLOUD: before.head.seq}, wait_seconds=0)).entries[0]
    after = await granted(records)
    assert (entry.kind, entry.config_revision) == (Kind.CONFIG, before.config_revision + 1)
    assert (after.config_revision, after.named) == (entry.config_revision, {"thumb": "c_scale,w_5"})
    await records.named.update(CLOUD, "thumb", text="w_7", allowed_for_strict=True)
    assert records.named.all(CLOUD)["thumb"] == Named(name="thumb", text="w_7", allowed_for_strict=True, created_at=1.0)
    assert (await granted(records)).named == {"thumb": "w_7"}
    await records.named.delete(CLOUD, "thumb")
    assert (await granted(records)).named == {}


async def test_edges_are_told_which_names_are_allowed_for_strict(records: Records) -> None:
    await records.named.create(CLOUD, named("open"))
    await records.named.create(CLOUD, named("closed"))
    await records.named.update(CLOUD, "open", text=None, allowed_for_strict=True)
    lease = await granted(records)
    assert (set(lease.named), lease.allowed) == ({"open", "closed"}, ("open",))
    await records.named.update(CLOUD, "open", text=None, allowed_for_strict=False)
    later = await granted(records)
    assert (later.allowed, later.config_revision) == ((), lease.config_revision + 1)


async def test_one_without_a_name_is_told_to_edges_among_the_allowed_alone(records: Records) -> None:
    await records.named.allow(CLOUD, "c_scale,w_5", allowed=True)
    await records.named.create(CLOUD, named("c"))
    lease = await granted(records)
    assert (set(lease.named), lease.allowed) == ({"c"}, ("/c_scale,w_5",))
    await records.named.allow(CLOUD, "c_scale,w_5", allowed=False)
    assert (await granted(records)).allowed == ()


async def test_they_survive_a_restart_and_stand_in_no_file_in_the_clear(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await records.named.create(CLOUD, named("canaryname", "$canarywidth_7/c_scale,w_$canarywidth"))
    body = written(tmp_path)
    assert b"lease_beat" in body
    assert b"canaryname" not in body
    assert b"canarywidth" not in body
    async with opened(tmp_path) as records:
        assert records.named.all(CLOUD) == {"canaryname": named("canaryname", "$canarywidth_7/c_scale,w_$canarywidth")}
        assert (await granted(records)).config_revision == 2


async def test_what_is_taken_or_missing_is_refused_and_changes_nothing(records: Records) -> None:
    await records.named.create(CLOUD, named("thumb"))
    revision = (await granted(records)).config_revision
    with pytest.raises(AssetExists):
        await records.named.create(CLOUD, named("thumb", "w_9"))
    with pytest.raises(AssetNotFound):
        await records.named.update(CLOUD, "other", text="w_9", allowed_for_strict=None)
    with pytest.raises(AssetNotFound):
        await records.named.delete(CLOUD, "other")
    assert records.named.all(CLOUD) == {"thumb": named("thumb")}
    assert (await granted(records)).config_revision == revision


async def test_a_cloud_has_at_most_so_many(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMED_MAX", 2)
    await records.named.create(CLOUD, named("a"))
    await records.named.create(CLOUD, named("b"))
    with pytest.raises(LimitExceeded, match="at most 2"):
        await records.named.create(CLOUD, named("c"))


async def test_all_of_a_cloud_together_have_a_limit(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHARS_MAX", 10)
    await records.named.create(CLOUD, named("a", "w_5"))
    with pytest.raises(LimitExceeded, match="at most 10 characters"):
        await records.named.create(CLOUD, named("b", "w_55555"))
    with pytest.raises(LimitExceeded, match="at most 10 characters"):
        await records.named.update(CLOUD, "a", text="c_fit,w_55", allowed_for_strict=None)
    assert records.named.all(CLOUD) == {"a": named("a", "w_5")}


async def test_changes_at_once_lose_neither_each_other_nor_a_new_policy(records: Records, tmp_path: Path) -> None:
    policy = settings(tmp_path).data / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8").replace("# lease_seconds = 30", "lease_seconds = 17"), "utf-8")
    before = (await granted(records)).config_revision
    async with asyncio.TaskGroup() as group:
        for n in range(4):
            group.create_task(records.named.create(CLOUD, named(f"n{n}")))
        group.create_task(records.reload_policies())
        for n in range(4, 8):
            group.create_task(records.named.create(CLOUD, named(f"n{n}")))
    lease = await granted(records)
    assert sorted(lease.named) == [f"n{n}" for n in range(8)]
    assert (lease.config_revision, lease.policy["lease_seconds"]) == (before + 9, 17)

"""Pictures of type fetch: brought once for all who ask, looked at anew, forgotten for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domicile.media.access import AccessRule
from domicile.media.asset import AssetName
from domicile.media.errors import AssetNotFound, BadSignature, LimitExceeded, Overloaded, RemoteGone, Replayed
from domicile.media.layer import LayerName
from domicile.media.signature import sign_delivery
from domicile.service.gate.remote import RemoteClient, RemoteLimits
from origin.fetched import FAILURE_SECONDS, RETRY_SECONDS
from origin.records import Once, PurgeTargets
from tests.infra.fetching import REFRESH_SECONDS, World
from tests.infra.origin import NOW
from tests.infra.records import CLOUD, name, upload


async def test_an_address_becomes_an_asset_when_it_is_asked_for_first(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    answers = await asyncio.gather(*(world.resolve(address) for _ in range(5)))
    assert world.there.asked == ["/a.jpg"]
    assert len({answer.resolved.aid for answer in answers if answer.resolved}) == 1
    assert all(answer.resolved for answer in answers)
    assert (await world.resolve(address)).resolved is not None
    assert world.there.asked == ["/a.jpg"]


@pytest.mark.parametrize("delivery", ["off", "signed"])
async def test_nothing_is_fetched_for_whom_the_policy_does_not_let(world: World, delivery: str) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.allow("open")
    await world.resolve(address)
    world.there.asked.clear()
    await world.allow(delivery)
    await upload(world.records, name("jane"))
    tenant = world.records.tenant(CLOUD)
    assert tenant is not None
    laid = {"delivery_type": "upload", "layers": ((LayerName("fetch", address),),)}
    for public_id, changes in ((address, {}), (address + "?2", {}), ("jane", laid)):
        with pytest.raises(BadSignature):
            await world.resolve(public_id, **changes)
        signed = {"signature": sign_delivery("x", tenant.api_secret), "signed_texts": ("x",)}
        if delivery == "off":
            with pytest.raises(BadSignature):
                await world.resolve(public_id, **changes, **signed)
    if delivery == "signed":
        assert (await world.resolve(address, **signed)).resolved is not None
    assert world.there.asked == []


async def test_a_host_that_is_listed_no_more_is_not_shown_either(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    file = world.directory / "data" / "policies" / "acme.toml"
    file.write_text(file.read_text().replace("127.0.0.1", "other.test"))
    await world.records.reload_policies()
    with pytest.raises(BadSignature, match="restricted"):
        await world.resolve(address)


async def test_a_layer_from_elsewhere_is_brought_too(world: World) -> None:
    await upload(world.records, name("jane"))
    address = world.there.put("/logo.png", b"logo")
    answer = await world.resolve("jane", delivery_type="upload", layers=((LayerName("fetch", address),),))
    assert answer.resolved is not None
    assert len(answer.resolved.contributors) == 2
    gone = world.there.address("/nowhere")
    with pytest.raises(RemoteGone, match="404 Not Found"):
        await world.resolve("jane", delivery_type="upload", layers=((LayerName("fetch", gone),),))
    nobody = await world.resolve("nobody", delivery_type="upload", layers=((LayerName("fetch", gone + "2"),),))
    assert nobody.absent is not None
    assert world.there.asked == ["/logo.png", "/nowhere"]


async def test_a_failure_is_told_again_without_another_try_for_a_while(world: World) -> None:
    address = world.there.address("/late.jpg")
    for _ in range(3):
        with pytest.raises(RemoteGone):
            await world.resolve(address)
    assert world.there.asked == ["/late.jpg"]
    world.there.put("/late.jpg", b"now")
    world.monotonic += FAILURE_SECONDS
    assert (await world.resolve(address)).resolved is not None


async def test_a_failure_holds_on_to_no_picture_and_our_own_haste_is_no_failure(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    full = RemoteClient(RemoteLimits(fetches_max=0), private_hosts=["127.0.0.1"])
    world.origin.remote, remote = full, world.origin.remote
    with pytest.raises(Overloaded):
        await world.resolve(address)
    world.origin.remote = remote
    assert (await world.resolve(address)).resolved is not None
    with pytest.raises(RemoteGone) as first:
        await world.resolve(world.there.address("/gone"))
    with pytest.raises(RemoteGone) as second:
        await world.resolve(world.there.address("/gone"))
    assert first.value is not second.value
    assert str(first.value) == str(second.value)


async def test_an_old_one_is_told_at_once_and_looked_for_anew_behind_it(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    first = (await world.resolve(address)).resolved
    world.now += REFRESH_SECONDS - 1
    await world.resolve(address)
    await world.idle()
    assert len(world.there.asked) == 1
    world.now += 1
    await world.resolve(address)  # the same bytes
    await world.idle()
    await world.resolve(address)
    await world.idle()
    assert len(world.there.asked) == 2
    world.there.put("/a.jpg", b"two")
    world.now += REFRESH_SECONDS
    told = (await world.resolve(address)).resolved
    await world.idle()
    after = (await world.resolve(address)).resolved
    assert first is not None
    assert told is not None
    assert after is not None
    assert told.aid == first.aid != after.aid


async def test_what_its_owner_said_of_it_outlives_its_versions(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    target = name(address, delivery_type="fetch")
    rules = (AccessRule(access_type="anonymous", end=2 * NOW),)
    await world.records.edit([target], lambda record: replace(record, tags=("mine",), access_control=rules))
    world.there.put("/a.jpg", b"two")
    world.now += REFRESH_SECONDS
    await world.resolve(address)
    await world.idle()
    found = await world.records.get(target)
    assert found is not None
    assert (found.facts.body_bytes, found.tags, found.access_control) == (3, ("mine",), rules)
    assert len(world.there.asked) == 2


async def test_what_has_gone_there_goes_here_and_what_cannot_be_reached_stays(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    world.there.put("/a.jpg", b"", status=500)
    world.now += REFRESH_SECONDS
    await world.resolve(address)
    await world.idle()
    assert await world.md5(address) is not None
    assert len(world.there.asked) == 2
    await world.resolve(address)
    await world.idle()
    assert len(world.there.asked) == 2  # not before RETRY_SECONDS
    world.there.put("/a.jpg", b"", status=410)
    world.now += RETRY_SECONDS
    await world.resolve(address)
    await world.idle()
    assert await world.md5(address) is None


async def test_what_was_erased_is_not_fetched_again_until_its_owner_asks(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    assert (await world.resolve(address)).absent is not None
    assert world.there.asked == ["/a.jpg"]
    await world.origin.fetched.bring(name(address, delivery_type="fetch"), once=None)
    assert (await world.resolve(address)).resolved is not None
    await world.records.destroy(name(address, delivery_type="fetch"))
    assert (await world.resolve(address)).resolved is not None  # deleted is not forgotten


async def test_a_call_that_is_repeated_does_not_bring_back_what_was_erased_after_it(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    target = name(address, delivery_type="fetch")
    first, second = (Once(identity=text, kept_seconds=3600.0, grace_seconds=60.0) for text in ("1", "2"))
    await world.origin.fetched.bring(target, once=first)
    await world.records.edit([target], lambda record: record, once=first)
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    with pytest.raises(Replayed):
        await world.origin.fetched.bring(target, once=first)
    await world.origin.fetched.bring(target, once=second)  # what follows it fails, say: it leaves no mark of its own
    assert (await world.resolve(address)).resolved is not None
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    with pytest.raises(Replayed):
        await world.origin.fetched.bring(target, once=second)
    assert (await world.resolve(address)).absent is not None


async def test_what_was_erased_is_not_fetched_by_another_spelling_of_its_address(world: World) -> None:
    address = world.there.put("/a%20b.jpg", b"one")
    await world.resolve(address)
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    for spelled in (address + "#x", address.replace("%20", " "), address.replace("http:", "HTTP:")):
        assert (await world.resolve(spelled)).absent is not None
    assert world.there.asked == ["/a%20b.jpg"]


async def test_what_is_restricted_is_absent_and_not_fetched_either(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    await world.records.restrict(CLOUD, PurgeTargets(public_ids=(address,)))
    assert (await world.resolve(address)).absent is not None
    with pytest.raises(AssetNotFound):  # one that was under way
        await upload(world.records, name(address, delivery_type="fetch"))
    assert world.there.asked == ["/a.jpg"]


async def test_what_has_another_name_now_is_not_fetched_by_its_address(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    target = name(address, delivery_type="fetch")
    await world.records.rename(target, "jane", to_type="upload")
    assert (await world.resolve(address)).absent is not None
    await world.records.erase(CLOUD, PurgeTargets(public_ids=("jane",)))
    assert (await world.resolve(address)).absent is not None
    assert world.there.asked == ["/a.jpg"]
    await world.origin.fetched.bring(target, once=None)
    assert (await world.resolve(address)).resolved is not None


async def test_a_fetch_that_is_under_way_when_the_erase_comes_has_lost(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    decoders: Any = world.origin.pool
    decoders.go.clear()
    decoders.reached.clear()
    world.there.put("/a.jpg", b"two")
    world.now += REFRESH_SECONDS
    await world.resolve(address)
    await asyncio.wait_for(decoders.reached.wait(), 5)
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    decoders.go.set()
    await world.idle()
    assert await world.md5(address) is None


async def test_what_is_deleted_while_it_is_looked_for_anew_does_not_come_back_by_that(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    decoders: Any = world.origin.pool
    decoders.go.clear()
    decoders.reached.clear()
    world.there.put("/a.jpg", b"two")
    world.now += REFRESH_SECONDS
    await world.resolve(address)
    await asyncio.wait_for(decoders.reached.wait(), 5)
    await world.records.destroy(name(address, delivery_type="fetch"))
    decoders.go.set()
    await world.idle()
    assert await world.md5(address) is None
    assert (await world.resolve(address)).resolved is not None


async def test_what_had_rules_and_has_gone_there_does_not_come_back_for_everybody(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    target = name(address, delivery_type="fetch")
    rules = (AccessRule(access_type="anonymous", end=2 * NOW),)
    await world.records.edit([target], lambda record: replace(record, access_control=rules))
    world.there.put("/a.jpg", b"", status=404)
    world.now += REFRESH_SECONDS
    await world.resolve(address)
    await world.idle()
    assert await world.md5(address) is None
    world.there.put("/a.jpg", b"two")
    world.monotonic += FAILURE_SECONDS
    assert (await world.resolve(address)).absent is not None
    await world.origin.fetched.bring(target, once=None)
    assert (await world.resolve(address)).resolved is not None


async def test_who_waits_too_long_is_told_so_and_the_fetch_goes_on(world: World) -> None:
    world.origin.settings = replace(
        world.origin.settings, remote=replace(world.origin.settings.remote, wait_seconds_max=0.05)
    )
    decoders: Any = world.origin.pool
    decoders.go.clear()
    address = world.there.put("/a.jpg", b"one")
    with pytest.raises(Overloaded, match="still being fetched"):
        await world.resolve(address)
    decoders.go.set()
    await world.idle()
    assert await world.md5(address) is not None


async def test_a_cloud_has_only_so_many(world: World) -> None:
    world.origin.settings = replace(world.origin.settings, remote=replace(world.origin.settings.remote, assets_max=1))
    await world.resolve(world.there.put("/a.jpg", b"one"))
    with pytest.raises(LimitExceeded, match="Too many fetched"):
        await world.resolve(world.there.put("/b.jpg", b"two"))
    assert world.there.asked == ["/a.jpg"]


async def test_an_erased_address_takes_no_name_by_any_other_way(world: World) -> None:
    address = world.there.put("/a.jpg", b"one")
    await world.resolve(address)
    await world.records.erase(CLOUD, PurgeTargets(public_ids=(address,)))
    target = AssetName(cloud=CLOUD, resource_type="image", delivery_type="fetch", public_id=address)
    with pytest.raises(AssetNotFound):
        await upload(world.records, target)

"""Upload mappings: what is asked for in their folders is brought once, and what was erased is not."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio

from domicile.media.access import AccessRule
from domicile.media.errors import AssetNotFound, Overloaded
from domicile.media.policy import Activity
from domicile.media.signature import sign_delivery
from domicile.media.wire import Absent, ResolveAnswer
from domicile.service.gate.remote import RemoteClient, RemoteLimits
from origin.fetched import FAILURE_SECONDS
from origin.mapped import address_of
from origin.records import PurgeTargets, UploadMapping, whole
from tests.infra.fetching import World
from tests.infra.origin import NOW
from tests.infra.records import CLOUD, name, upload


@pytest_asyncio.fixture
async def mapped(world: World) -> World:
    await world.allow("off")  # what the policy says of type fetch does not matter
    for folder, path in (("old", "/m/"), ("old/new", "/n?f=")):
        await world.records.upload_mappings.add(
            CLOUD, folder, UploadMapping(folder=folder, template=world.there.address(path), created_at=0.0)
        )
    return world


async def resolve(world: World, *public_ids: str, **changes: object) -> ResolveAnswer:
    asked = {"public_ids": public_ids, "delivery_type": "upload", "ending": ".JPG", **changes}
    return await world.resolve("", **asked)


def absent(answer: ResolveAnswer) -> Absent:
    assert answer.absent is not None
    return answer.absent


async def test_it_is_brought_once_for_all_who_ask_and_is_an_upload_from_then_on(mapped: World) -> None:
    mapped.there.put("/m/a%20b/c.JPG", b"one")
    answers = await asyncio.gather(*(resolve(mapped, "w_5/old/a b/c", "old/a b/c") for _ in range(5)))
    assert mapped.there.asked == ["/m/a%20b/c.JPG"]
    assert {answer.resolved.index for answer in answers if answer.resolved} == {1}
    assert all(answer.resolved for answer in answers)
    record = await mapped.records.get(name("old/a b/c"))
    assert record is not None
    assert record.facts.body_bytes == 3
    assert (await resolve(mapped, "old/a b/c", ending="")).resolved is not None
    assert len(mapped.there.asked) == 1


async def test_the_longest_folder_counts_and_nothing_a_viewer_writes_becomes_a_query(mapped: World) -> None:
    mapped.there.put("/n?f=x?y%26z", b"one")
    assert (await resolve(mapped, "old/new/x?y&z", ending="")).resolved is not None
    mapped.there.put("/m/a%3Fb", b"one")
    assert (await resolve(mapped, "old/a?b", ending="")).resolved is not None


@pytest.mark.parametrize(
    ("resource_type", "public_id", "ending"), [("raw", "old/list.csv", ""), ("video", "old/list", ".csv")]
)
async def test_films_and_raw_files_are_brought_as_they_are(
    mapped: World, resource_type: str, public_id: str, ending: str
) -> None:
    mapped.there.put("/m/list.csv", b"a,b\r\n")
    answer = await resolve(mapped, public_id, resource_type=resource_type, ending=ending)
    assert answer.resolved is not None
    record = await mapped.records.get(dataclasses.replace(name(public_id), resource_type=resource_type))
    assert record is not None
    assert (record.facts.body_bytes, record.facts.md5) == (5, hashlib.md5(b"a,b\r\n").hexdigest())
    body = await mapped.records.open_original(record, mapped.records.permit(CLOUD, Activity.STORE))
    assert await whole(body) == b"a,b\r\n"
    await mapped.records.erase(CLOUD, PurgeTargets(names=(record.name,)))
    absent(await resolve(mapped, public_id, resource_type=resource_type, ending=ending))
    assert len(mapped.there.asked) == 1


@pytest.mark.parametrize("resource_type", ["raw", "video"])
async def test_one_that_is_too_large_or_nothing_at_all_is_absent(mapped: World, resource_type: str) -> None:
    settings = mapped.origin.settings
    mapped.origin.settings = dataclasses.replace(
        settings, upload=dataclasses.replace(settings.upload, raw_bytes_max=4, video_bytes_max=4)
    )
    for path, body in (("a", b"12345"), ("b", b"")):
        mapped.there.put(f"/m/{path}", body)
        absent(await resolve(mapped, f"old/{path}", resource_type=resource_type, ending=""))
    assert len(mapped.there.asked) == 2


@pytest.mark.parametrize(
    ("public_id", "changes"),
    [
        ("older/x", {}),
        ("old", {}),
        ("old/x", {"delivery_type": "private", "transformed": True}),
    ],
)
async def test_nothing_else_is_asked_for(mapped: World, public_id: str, changes: dict[str, object]) -> None:
    absent(await resolve(mapped, public_id, **changes))
    assert mapped.there.asked == []


async def test_a_failure_is_an_absence_that_is_not_tried_again_for_a_while(mapped: World) -> None:
    for _ in range(3):
        absent(await resolve(mapped, "old/gone"))
    assert mapped.there.asked == ["/m/gone.JPG"]
    mapped.there.put("/m/gone.JPG", b"now")
    mapped.monotonic += FAILURE_SECONDS
    assert (await resolve(mapped, "old/gone")).resolved is not None


async def test_our_own_haste_is_told_as_such(mapped: World) -> None:
    mapped.origin.remote = RemoteClient(RemoteLimits(fetches_max=0), private_hosts=["127.0.0.1"])
    with pytest.raises(Overloaded):
        await resolve(mapped, "old/x")


async def test_a_host_that_is_listed_no_more_or_a_place_that_may_not_fetch_brings_nothing(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    file = mapped.directory / "data" / "policies" / "acme.toml"
    usual = file.read_text()
    for change in (("127.0.0.1", "other.test"), ('ingress_fetch = ["eu-de"]', 'ingress_fetch = ["eu-fr"]')):
        file.write_text(usual.replace(*change))
        await mapped.records.reload_policies()
        absent(await resolve(mapped, "old/x"))
        mapped.monotonic += FAILURE_SECONDS
    assert mapped.there.asked == []


async def test_there_are_at_most_so_many_in_a_folder(mapped: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    monkeypatch.setattr(type(mapped.records.fetched), "count_under", AsyncMock(return_value=10**9))
    absent(await resolve(mapped, "old/x"))
    assert mapped.there.asked == []


async def test_what_was_erased_is_not_brought_again(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    assert (await resolve(mapped, "old/x")).resolved is not None
    await mapped.records.erase(CLOUD, PurgeTargets(public_ids=("old/x",)))
    mapped.monotonic += FAILURE_SECONDS
    absent(await resolve(mapped, "old/x"))
    assert len(mapped.there.asked) == 1
    await upload(mapped.records, name("old/x"))  # its owner has it again
    await mapped.records.destroy(name("old/x"))
    absent(await resolve(mapped, "old/x"))
    assert len(mapped.there.asked) == 1


async def test_what_was_erased_comes_back_under_no_other_name_that_leads_to_it(mapped: World) -> None:
    for path in ("x", "y"):
        mapped.there.put(f"/m/{path}.JPG", b"one")
    mapping = UploadMapping(folder="again", template=mapped.there.address("/m/"), created_at=0.0)
    await mapped.records.upload_mappings.add(CLOUD, "again", mapping)
    await mapped.allow("open")
    assert (await resolve(mapped, "old/x")).resolved is not None
    await mapped.records.erase(CLOUD, PurgeTargets(public_ids=("old/x",)))

    async def asked(path: str) -> list[bool]:
        answers = [await resolve(mapped, f"old/{path}.JPG", resource_type="raw", ending="")]
        answers += [
            await resolve(mapped, f"again/{path}"),
            await mapped.resolve(mapped.there.address(f"/m/{path}.JPG")),
        ]
        return [answer.resolved is not None for answer in answers]

    assert await asked("x") == [False] * 3
    assert mapped.there.asked == ["/m/x.JPG"]
    assert await asked("y") == [True] * 3
    late = dataclasses.replace(name("old/x.JPG"), resource_type="raw")
    with pytest.raises(AssetNotFound):  # its fetch was under way
        await upload(mapped.records, late, is_brought=True, brought_beside=(name("old/x"),))


@pytest.mark.parametrize("delivery_type", ["private", "authenticated"])
async def test_what_its_owner_has_for_fewer_people_or_erased_is_brought_for_nobody(
    mapped: World, delivery_type: str
) -> None:
    for path in ("x", "y"):
        mapped.there.put(f"/m/{path}.JPG", b"one")
        await upload(mapped.records, name(f"old/{path}", delivery_type=delivery_type))
    target = name("old/x", delivery_type=delivery_type)
    await mapped.records.erase(CLOUD, PurgeTargets(names=(target,)))
    for path in ("x", "y"):
        absent(await resolve(mapped, f"old/{path}"))
        absent(await resolve(mapped, f"old/{path}.JPG", resource_type="raw", ending=""))
    assert mapped.there.asked == []


async def test_what_is_restricted_or_has_rules_comes_as_no_other_kind_of_file(mapped: World) -> None:
    rules = (AccessRule(access_type="anonymous", end=2 * NOW),)
    for path in ("x", "y", "z"):
        mapped.there.put(f"/m/{path}.JPG", b"one")
        await resolve(mapped, f"old/{path}")
    await mapped.records.restrict(CLOUD, PurgeTargets(public_ids=("old/x",)))
    await mapped.records.edit([name("old/y")], lambda record: dataclasses.replace(record, access_control=rules))
    mapped.there.asked.clear()
    absent(await resolve(mapped, "old/x"))
    for path, comes in (("x", False), ("y", False), ("z", True)):
        answer = await resolve(mapped, f"old/{path}.JPG", resource_type="raw", ending="")
        assert (answer.resolved is not None) is comes
    assert mapped.there.asked == ["/m/z.JPG"]


async def test_what_was_erased_before_there_was_a_mapping_is_not_brought_by_it(mapped: World) -> None:
    await upload(mapped.records, name("later/x"))
    await mapped.records.erase(CLOUD, PurgeTargets(public_ids=("later/x",)))
    mapping = UploadMapping(folder="later", template=mapped.there.address("/m/"), created_at=0.0)
    await mapped.records.upload_mappings.add(CLOUD, "later", mapping)
    mapped.there.put("/m/x.JPG", b"one")
    absent(await resolve(mapped, "later/x"))
    assert mapped.there.asked == []


async def test_a_fetch_that_was_under_way_when_the_erase_came_has_lost(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    decoders = mapped.decoders
    decoders.go.clear()
    asking = asyncio.create_task(resolve(mapped, "old/x"))
    await decoders.reached.wait()
    await upload(mapped.records, name("old/x"))
    await mapped.records.erase(CLOUD, PurgeTargets(public_ids=("old/x",)))
    decoders.go.set()
    absent(await asking)
    assert await mapped.records.get(name("old/x")) is None


async def test_what_was_uploaded_meanwhile_stays(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    decoders = mapped.decoders
    decoders.go.clear()
    asking = asyncio.create_task(resolve(mapped, "old/x"))
    await decoders.reached.wait()
    mine = (await upload(mapped.records, name("old/x"), b"mine")).record
    decoders.go.set()
    resolved = (await asking).resolved
    assert resolved is not None
    assert resolved.aid == mine.aid


async def test_what_was_deleted_is_brought_again_but_not_what_was_closed(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    await resolve(mapped, "old/x")
    await mapped.records.destroy(name("old/x"))
    assert (await resolve(mapped, "old/x")).resolved is not None
    await mapped.records.rename(name("old/x"), "old/x", to_type="authenticated")
    absent(await resolve(mapped, "old/x"))
    await mapped.records.destroy(dataclasses.replace(name("old/x"), delivery_type="authenticated"))
    absent(await resolve(mapped, "old/x"))
    mapped.there.put("/m/y.JPG", b"two")
    rules = (AccessRule(access_type="anonymous", end=2 * NOW),)
    await upload(mapped.records, name("old/y"), access_control=rules)
    await mapped.records.destroy(name("old/y"))
    absent(await resolve(mapped, "old/y"))
    assert mapped.there.asked == ["/m/x.JPG", "/m/x.JPG"]


async def test_what_was_renamed_is_not_brought_under_the_name_that_it_had(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    await resolve(mapped, "old/x")
    await mapped.records.rename(name("old/x"), "old/y")
    absent(await resolve(mapped, "old/x"))
    await mapped.records.erase(CLOUD, PurgeTargets(public_ids=("old/y",)))
    absent(await resolve(mapped, "old/x"))
    assert mapped.there.asked == ["/m/x.JPG"]


async def test_only_what_a_signature_covers_is_brought(mapped: World) -> None:
    mapped.there.put("/m/x.JPG", b"one")
    tenant = mapped.records.tenant(CLOUD)
    assert tenant is not None
    signed = {"signature": sign_delivery("a", tenant.api_secret), "signed_texts": ("a", "b")}
    absent(await resolve(mapped, "nobody", "old/x", **signed))
    assert mapped.there.asked == []


def test_what_follows_a_template_that_is_a_host_alone_is_no_part_of_the_host() -> None:
    for template in ("https://x.example", "HTTP://x.example:8080"):
        alone = UploadMapping(folder="a", template=template, created_at=0.0)
        for written, kept in (
            ("a/.evil.example", ".evil.example"),
            ("a/@evil.example/x", "%40evil.example/x"),
            ("a/:1/x", ":1/x"),
        ):
            assert address_of(alone, written, "") == f"{template}/{kept}"

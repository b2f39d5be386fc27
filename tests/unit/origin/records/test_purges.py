from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES
from domicile.media.errors import AssetExists, BadRequest, OutOfScope, Replayed
from domicile.media.journal import Kind
from domicile.media.outward_tags import months_held, tag, tag_key
from origin.records import PurgeKey, PurgeOutcome, PurgeTargets, Records, purges
from origin.records.prefixes import folders_under
from tests.infra.records import CLOUD, name, opened, upload


async def purge(records: Records, targets: PurgeTargets, **how: Any) -> PurgeOutcome:
    call = {"purge_id": "p1", "digest": "d1", "keyid": "k", "nonce": "n1", "nonce_expires_at": 2e9, **how}
    return await records.purge(CLOUD, targets, **call)


async def last_entry(records: Records) -> Any:
    head = await records.head(CLOUD)
    return (await records.entries({CLOUD: head.seq - 1}, wait_seconds=0)).entries[0]


@pytest.mark.parametrize(
    "targets",
    [
        PurgeTargets(public_ids=("people/jane",)),
        PurgeTargets(names=(name("people/jane"),)),
        PurgeTargets(urls=("/acme/image/upload/c_fill,w_100/v12/people/jane.jpg",)),
        PurgeTargets(urls=("/image/upload/people/jane.png?_a=x",)),
        PurgeTargets(tags=("staff",)),
        PurgeTargets(prefixes=("people",)),
        PurgeTargets(prefixes=("people/",)),
        PurgeTargets(prefixes=("/image/upload/people",)),
        PurgeTargets(prefixes=("/acme/image/upload/people/",)),
        PurgeTargets(prefixes=("/image",)),
        PurgeTargets(prefixes=("/",)),
    ],
)
async def test_each_kind_of_target_marks_the_aid_and_its_name_and_keeps_the_asset(
    records: Records, targets: PurgeTargets
) -> None:
    record = (await upload(records, name("people/jane"), tags=("staff",))).record
    outcome = await purge(records, targets)
    entry = await last_entry(records)
    assert (entry.kind, entry.aids, len(entry.names)) == (Kind.ASSET, (record.aid,), 1)
    assert outcome.assets == 1
    assert outcome.head.seq == entry.seq
    assert await records.get(name("people/jane")) == record


@pytest.mark.parametrize(
    "targets",
    [
        PurgeTargets(public_ids=("people",)),
        PurgeTargets(tags=("staf",)),
        PurgeTargets(prefixes=("peopl",)),
        PurgeTargets(prefixes=("/image/upload/peopl",)),
        PurgeTargets(prefixes=("/video",)),
        PurgeTargets(prefixes=("people/jane",)),
        PurgeTargets(urls=("/image/upload/people/jan.jpg",)),
    ],
)
async def test_what_only_looks_alike_is_not_matched(records: Records, targets: PurgeTargets) -> None:
    await upload(records, name("people/jane"), tags=("staff",))
    assert (await purge(records, targets)).assets == 0
    assert (await last_entry(records)).aids == ()


async def test_everything_is_one_entry_for_the_cloud(records: Records) -> None:
    outcome = await purge(records, PurgeTargets(everything=True))
    assert outcome.everything
    assert (await last_entry(records)).kind == Kind.ALL


async def test_a_purge_tells_the_tags_that_the_copies_of_each_cdn_bear(tmp_path: Path) -> None:
    async with opened(tmp_path, cdns=("fastly", "bunny")) as records:
        record = (await upload(records, name("people/jane"), tags=("staff",))).record
        tenant = records.tenant(CLOUD)
        assert tenant is not None

        def borne(cdn: str, kind: str, text: str) -> tuple[str, ...]:
            months = months_held(time.time(), seconds_max=300)
            return tuple(tag(tag_key(tenant.name_key, cdn=cdn, month=month), kind, text) for month in months)

        for repeat in range(2):
            told = await purge(records, PurgeTargets(tags=("staff",)), nonce=f"n{repeat}")
            assert told.cdn_tags == {cdn: borne(cdn, "aid", record.aid) for cdn in ("fastly", "bunny")}
        told = await purge(records, PurgeTargets(everything=True), purge_id="p2", nonce="n3")
        assert told.cdn_tags == {cdn: borne(cdn, "cloud", "") for cdn in ("fastly", "bunny")}
    async with opened(tmp_path) as records:
        assert (await purge(records, PurgeTargets(tags=("staff",)), nonce="n4")).cdn_tags == {}


async def test_more_assets_than_one_entry_holds_become_everything(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "PURGE_ASSETS_MAX", 2)
    for n in range(3):
        await upload(records, name(f"a/{n}"))
    assert (await purge(records, PurgeTargets(prefixes=("a",)))).everything
    assert (await last_entry(records)).kind == Kind.ALL


@pytest.mark.parametrize(
    "targets",
    [
        PurgeTargets(prefixes=("/acme2/image/upload/people",)),
        PurgeTargets(prefixes=("/acme2",)),
        PurgeTargets(urls=("/acme2/image/upload/people/jane.jpg",)),
        PurgeTargets(names=(name("people/jane", cloud="acme2"),)),
    ],
)
async def test_a_target_of_another_cloud_is_out_of_scope(records: Records, targets: PurgeTargets) -> None:
    await records.create_tenant("acme2")
    with pytest.raises(OutOfScope):
        await purge(records, targets)
    assert (await records.head(CLOUD)).seq == 0


@pytest.mark.parametrize("prefix", ["/image/upload/../x", "a//b", "../a", "/image/nowhere/x", "//", ""])
async def test_a_prefix_that_is_not_canonical_is_a_bad_request(records: Records, prefix: str) -> None:
    with pytest.raises(BadRequest):
        await purge(records, PurgeTargets(prefixes=(prefix,)))


async def test_no_target_and_too_many_targets_are_bad_requests(records: Records) -> None:
    for targets in (PurgeTargets(), PurgeTargets(tags=tuple(map(str, range(101))))):
        with pytest.raises(BadRequest):
            await purge(records, targets)


async def test_a_nonce_works_once_and_a_replay_moves_nothing(records: Records) -> None:
    await purge(records, PurgeTargets(tags=("x",)))
    with pytest.raises(Replayed):
        await purge(records, PurgeTargets(tags=("x",)))
    with pytest.raises(Replayed):
        await purge(records, PurgeTargets(tags=("y",)), purge_id="p2", digest="d2")
    assert (await records.head(CLOUD)).seq == 1


async def test_the_same_nonce_under_another_key_is_another_nonce(records: Records) -> None:
    await purge(records, PurgeTargets(tags=("x",)))
    await purge(records, PurgeTargets(tags=("x",)), keyid="k2", purge_id="p2")


async def test_a_refused_purge_does_not_use_up_its_nonce(records: Records) -> None:
    with pytest.raises(OutOfScope):
        await purge(records, PurgeTargets(prefixes=("/acme2",)))
    await purge(records, PurgeTargets(tags=("x",)))


async def test_the_same_purge_newly_signed_gets_the_first_answer(records: Records) -> None:
    await upload(records, name("jane"), tags=("x",))
    first = await purge(records, PurgeTargets(tags=("x",)))
    await upload(records, name("joe"), tags=("x",))
    again = await purge(records, PurgeTargets(tags=("x",)), nonce="n2")
    assert again.repeated
    assert (again.head, again.assets) == (first.head, 1)
    with pytest.raises(Replayed):
        await purge(records, PurgeTargets(tags=("x",)), nonce="n2")


async def test_the_same_purge_id_for_other_content_is_a_bad_request(records: Records) -> None:
    await purge(records, PurgeTargets(tags=("x",)))
    with pytest.raises(BadRequest):
        await purge(records, PurgeTargets(tags=("y",)), nonce="n2", digest="d2")


async def test_a_purge_of_one_cloud_leaves_the_journal_of_another_alone(records: Records) -> None:
    await records.create_tenant("acme2")
    await upload(records, name("jane", cloud="acme2"), tags=("x",))
    assert (await purge(records, PurgeTargets(tags=("x",)))).assets == 0
    assert (await records.head("acme2")).seq == 1


def test_a_prefix_is_cut_at_the_slash() -> None:
    assert folders_under(CLOUD, "/image/upload/people") == folders_under(CLOUD, "/image/upload/people/")
    assert folders_under(CLOUD, "/image/upload/people") != folders_under(CLOUD, "/image/upload/people2")
    assert len(folders_under(CLOUD, "people")) == len(RESOURCE_TYPES) * len(DELIVERY_TYPES) == 21


def key(**changes: Any) -> PurgeKey:
    values = {
        "tenant": CLOUD,
        "keyid": "k1",
        "public_key": b"p" * 32,
        "operations": frozenset({"tag", "url"}),
        "not_before": 0.0,
        "not_after": 2e9,
    }
    return PurgeKey(**{**values, **changes})


async def test_a_purge_key_is_kept_until_it_is_revoked(records: Records) -> None:
    await records.add_purge_key(key())
    assert await records.purge_key("k1") == key()
    with pytest.raises(AssetExists):
        await records.add_purge_key(key(public_key=b"q" * 32))
    assert await records.revoke_purge_key("k1")
    assert await records.purge_key("k1") is None
    assert not await records.revoke_purge_key("k1")


@pytest.mark.parametrize("bad", [{"public_key": b"short"}, {"operations": frozenset({"rm"})}, {"keyid": ""}])
async def test_a_purge_key_that_is_none_is_refused(records: Records, bad: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await records.add_purge_key(key(**bad))


def test_a_key_covers_only_the_operations_it_was_given() -> None:
    assert key().covers(PurgeTargets(tags=("a",), urls=("/x",)))
    for targets in (
        PurgeTargets(everything=True),
        PurgeTargets(tags=("a",), prefixes=("b",)),
        PurgeTargets(asset_ids=("a",)),
        PurgeTargets(public_ids=("a",)),
        PurgeTargets(names=(name("a"),)),
    ):
        assert not key().covers(targets)


@pytest.mark.parametrize("prefix", ["/", "/image", "/image/", "/image/upload", "/acme", "/acme/image/upload/"])
def test_a_prefix_without_a_folder_needs_the_right_to_purge_everything(prefix: str) -> None:
    targets = PurgeTargets(prefixes=("people", prefix))
    assert not key(operations=frozenset({"prefix"})).covers(targets)
    assert not key(operations=frozenset({"all"})).covers(targets)
    assert key(operations=frozenset({"prefix", "all"})).covers(targets)


@pytest.mark.parametrize("prefix", ["people", "people/", "/image/upload/people", "/acme/image/upload/people/x"])
def test_a_prefix_with_a_folder_does_not(prefix: str) -> None:
    assert key(operations=frozenset({"prefix"})).covers(PurgeTargets(prefixes=(prefix,)))


@pytest.mark.parametrize(("prefix", "error"), [("/other/image", OutOfScope), ("/image//x", BadRequest)])
def test_a_prefix_that_is_none_of_this_cloud_is_told_apart(prefix: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        key(operations=frozenset({"prefix"})).covers(PurgeTargets(prefixes=(prefix,)))

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.analysis import NOTHING, Analysis
from domicile.media.asset import Aid
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded, OutOfScope
from domicile.media.journal import Head, Kind, follows
from domicile.media.keys import content_key, subkey
from domicile.media.layer import LayerName
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, open_sealed, seal
from domicile.media.statement import KEY_STATE_FILE, KEY_STATE_WAITING, ErasureStatement, key_id
from domicile.media.wire import Ack, LeaseRequest, Rendition, RenditionReport, ResolveRequest
from origin.catalogue.port import AssetRow
from origin.catalogue.tables import erasure, rendition
from origin.journal import Journal
from origin.keyring import Keyring
from origin.keytree import KeyTree
from origin.records import (
    AssetRecord,
    ErasePreview,
    Filter,
    PurgeTargets,
    Records,
    Versions,
    erasure_rows,
    erasures,
    recovery,
    removing,
)
from origin.records.audit import AuditLog
from origin.records.core import Core
from origin.records.deferred import Asked
from origin.records.endings import Endings
from origin.records.erasure_rows import STATEMENT_KEPT_SECONDS, ErasureRow, State
from origin.records.erasures import Erasures
from origin.records.opening import Clocks
from origin.records.sealing import open_record, open_rendition
from origin.store.local import LocalStore
from tests.infra.records import CLOUD, looked, name, opened, settings, upload
from tests.infra.statement_reader import check

JANE = PurgeTargets(public_ids=("people/jane",))


async def rows_named(records: Records, public_id: str) -> list[AssetRow]:
    core = records._core
    async with core.database.read() as connection:
        return list(await core.catalogue.named(connection, CLOUD, [core.hash_name(name(public_id))]))


def holds(statement: ErasureStatement, records: Records) -> bool:
    """By the second implementation, under the key as the API publishes it."""
    public = records.statement_public_key()
    key = {"alg": "ed25519", "key_id": key_id(public), "public_key": base64.b64encode(public).decode()}
    return check(json.dumps(statement.to_mapping()), key) == statement.body


async def test_an_erased_asset_is_gone_and_the_statement_verifies(records: Records, tmp_path: Path) -> None:
    record = (await upload(records, name("people/jane"), tags=("secret-tag",))).record
    statement = await records.erase(CLOUD, JANE)
    assert holds(statement, records)
    assert statement.body["outcome"] == "erased"
    assert statement.body["removed"] == {"versions": 1, "originals": 1, "renditions": 0}
    assert statement.body["key"]["state"] == KEY_STATE_FILE
    assert await records.get(name("people/jane")) is None
    assert records._core.keyring.of(record.aid) is None
    assert not list((tmp_path / "data" / "originals").rglob(record.aid))
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert (entry.kind, entry.aids) == (Kind.ERASE, (record.aid,))


async def test_what_an_erased_picture_was_laid_over_opens_with_no_key_that_is_left(tmp_path: Path) -> None:
    """A sealed rendition that somebody kept: not even whoever has the whole keyring of now reads it."""
    question = ResolveRequest(
        cloud=CLOUD,
        resource_type="image",
        delivery_type="upload",
        public_ids=("beach",),
        transformed=True,
        region="eu-de",
        layers=((LayerName("upload", "people/jane"),),),
    )
    async with opened(tmp_path) as records:
        beach, jane = [(await upload(records, name(one))).record.aid for one in ("beach", "people/jane")]
        before = (await records.resolve(question)).resolved
        assert before is not None
        context = SealContext(tenant=CLOUD, aids=before.contributors, variant="file", region="eu-de")
        kept = seal(before.rendition_key, context, header=b"", body=b"both of them", salt=os.urandom(SALT_BYTES))
        assert open_sealed(before.rendition_key, context, kept)[1] == b"both of them"
        statement = await records.erase(CLOUD, JANE)
        assert statement.body["outcome"] == "erased"
    async with opened(tmp_path) as records:  # from what is on the disk
        keyring = records._core.keyring
        left = keyring.of(beach)
        assert left is not None
        assert keyring.of(jane) is None
        again = (await upload(records, name("people/jane"))).record.aid
        after = (await records.resolve(question)).resolved
        assert after is not None
        other = keyring.of(again)
        assert other is not None
        mine, theirs = subkey(left, "rendition"), subkey(other, "rendition")
        for key in (content_key({beach: mine}), content_key({beach: mine, jane: theirs}), after.rendition_key, mine):
            with pytest.raises(SealBroken):
                open_sealed(key, context, kept)


async def test_what_was_told_of_an_erased_picture_opens_with_no_key_that_is_left(tmp_path: Path) -> None:
    """Its record in a copy of the catalogue: name, coordinates, faces, place and likeness. None of it stands in the clear."""
    told = Analysis(
        faces=((11, 12, 13, 14),),
        phash="0123456789abcdef",
        metadata={"GPSLatitude": "52 deg 31 min"},
        blurhash="LEHV6nWB2yk8pyo0adR*",
    )
    where = Coordinates(faces=((11, 12, 13, 14),), custom=((5, 6, 7, 8),))
    async with opened(tmp_path) as records:
        jane = (await upload(records, name("people/jane"), coordinates=where, analysis=told)).record
        [row] = await rows_named(records, "people/jane")
        key = records._core.keyring.of(jane.aid)
        assert key is not None
        kept = open_record(row, key, region="eu-de")
        assert (kept.coordinates, kept.analysis) == (where, told)
        await records.erase(CLOUD, JANE)
    async with opened(tmp_path) as records:  # from what is on the disk
        assert records._core.keyring.of(jane.aid) is None
        assert await rows_named(records, "people/jane") == []
        again = (await upload(records, name("people/jane"))).record
        assert (again.coordinates, again.analysis) == (NOWHERE, NOTHING)
        other = records._core.keyring.of(again.aid)
        assert other is not None
        with pytest.raises(SealBroken):
            open_record(row, other, region="eu-de")
    for file in (one for one in tmp_path.rglob("*") if one.is_file()):
        body = file.read_bytes()
        assert [text for text in (b"52 deg", b"GPSLatitude", b"0123456789abcdef", b"LEHV6nWB") if text in body] == []


async def test_how_an_erased_picture_was_laid_over_another_opens_with_no_key_that_is_left(tmp_path: Path) -> None:
    """The other picture's list of renditions, in a copy of the catalogue, holds the names of its layers."""
    async with opened(tmp_path) as records:
        beach, jane = [(await upload(records, name(one))).record.aid for one in ("beach", "people/jane")]
        made = Rendition(
            tenant=CLOUD,
            aid=beach,
            sequence=1,
            transformation="l_people:jane",
            format="jpg",
            width=1,
            height=1,
            body_bytes=1,
            layers=(jane,),
        )
        assert await records.add_renditions(RenditionReport(node="0" * 32, renditions=(made,)), region="eu-de") == 1
        async with records._core.database.read() as connection:
            kept: bytes = (await connection.execute(select(rendition.c.detail))).scalar_one()
        assert [one.transformation for one in await records.renditions(CLOUD, beach)] == ["l_people:jane"]
        await records.erase(CLOUD, JANE)
        left = records._core.keyring.of(beach)
        assert left is not None
        for aids in ((beach,), tuple(sorted((beach, jane)))):
            context = SealContext(tenant=CLOUD, aids=aids, variant="rendition-detail", region="eu-de")
            with pytest.raises(SealBroken):
                open_sealed(subkey(left, "meta"), context, kept)
        with pytest.raises(SealBroken):
            open_rendition(kept, {beach: left}, tenant=CLOUD, region="eu-de")


async def test_a_statement_holds_no_name_no_tag_no_aid(records: Records) -> None:
    record = (await upload(records, name("people/jane"), tags=("secret-tag",))).record
    shown = str((await records.erase(CLOUD, JANE, request_id="request of jane")).to_mapping())
    for personal in ("people", "jane", "secret-tag", record.aid, record.asset_id):
        assert personal not in shown


async def test_a_name_can_be_used_again_after_an_erase(records: Records) -> None:
    await upload(records, name("people/jane"))
    await records.erase(CLOUD, JANE)
    again = (await upload(records, name("people/jane"))).record
    assert await records.get(name("people/jane")) == again


async def test_erased_before_and_never_existed_look_the_same(records: Records) -> None:
    await upload(records, name("people/jane"))
    await records.erase(CLOUD, JANE)
    with pytest.raises(AssetNotFound) as erased:
        await records.erase(CLOUD, JANE)
    with pytest.raises(AssetNotFound) as never:
        await records.erase(CLOUD, PurgeTargets(public_ids=("nobody",)))
    assert erased.value.message == never.value.message


async def test_a_preview_takes_nothing(records: Records) -> None:
    record = (await upload(records, name("people/jane"))).record
    assert await records.erase_preview(CLOUD, JANE) == ErasePreview(records=(record,), total=1)
    assert await records.get(name("people/jane")) == record
    assert (await records.head(CLOUD)).seq == 1


async def test_erasing_a_url_takes_only_what_the_url_resolves_to(records: Records) -> None:
    """A path can be split in several ways; the first candidate that exists is meant, not all of them."""
    await upload(records, name("w_100/jane"))
    await upload(records, name("jane"))
    before = {record.name.public_id for record in (await records.list(CLOUD, Filter())).records}
    await records.erase(CLOUD, PurgeTargets(urls=("/acme/image/upload/w_100/jane.jpg",)))
    after = {record.name.public_id for record in (await records.list(CLOUD, Filter())).records}
    assert len(before - after) == 1


async def test_more_than_one_entry_holds_is_erased_in_several(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "ENTRY_TARGETS_MAX", 4)
    for n in range(5):
        await upload(records, name(f"a/{n}"))
    await upload(records, name("b"))
    statement = await records.erase(CLOUD, PurgeTargets(prefixes=("a",)))
    assert statement.body["removed"]["versions"] == 5
    assert [record.name.public_id for record in (await records.list(CLOUD, Filter())).records] == ["b"]
    entries = (await records.entries({CLOUD: 6}, wait_seconds=0)).entries
    assert [(entry.kind, len(entry.aids)) for entry in entries] == [(Kind.ERASE, 2), (Kind.ERASE, 2), (Kind.ERASE, 1)]
    head = await records.head(CLOUD)
    assert (head.seq, head.chain) == (9, entries[-1].chain)
    assert statement.body["journal"]["seq"] == 9
    heads = [Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain) for entry in entries]
    assert all(follows(before, after) for before, after in zip(heads, entries[1:], strict=False))


async def test_another_clouds_assets_cannot_be_erased(records: Records) -> None:
    await records.create_tenant("other")
    record = (await upload(records, name("people/jane", cloud="other"))).record
    with pytest.raises(AssetNotFound):
        await records.erase(CLOUD, PurgeTargets(asset_ids=(record.asset_id,)))
    with pytest.raises(OutOfScope):
        await records.erase(CLOUD, PurgeTargets(names=(name("people/jane", cloud="other"),)))
    assert await records.get(name("people/jane", cloud="other")) == record


async def test_a_preview_counts_all_and_lists_the_first(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "PREVIEW_ASSETS_MAX", 2)
    for n in range(5):
        await upload(records, name(f"a/{n}"), tags=("t",))
    await upload(records, name("b"), tags=("t",))
    for targets, total in (
        (PurgeTargets(prefixes=("a",)), 5),
        (PurgeTargets(tags=("t",), prefixes=("a",), public_ids=("a/1", "b")), 6),
        (PurgeTargets(prefixes=("a",), public_ids=("b", "nobody")), 6),
        (PurgeTargets(everything=True), 6),
        (PurgeTargets(public_ids=("a/1", "a/2")), 2),
    ):
        preview = await records.erase_preview(CLOUD, targets)
        assert (len(preview.records), preview.total) == (2, total), targets
    statement = await records.erase(CLOUD, PurgeTargets(prefixes=("a",)))
    assert statement.body["removed"]["versions"] == 5


async def test_a_partial_erasure_can_be_followed_until_it_is_over(tmp_path: Path) -> None:
    edge = LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={})
    async with opened(tmp_path, ack_seconds_max=0.05) as records:
        await upload(records, name("people/jane"))
        nonce = (await records.grant_lease(edge)).nonce
        first = await records.erase(CLOUD, JANE, request_id="r1")
        followed = await records.erasure(CLOUD, first.body["erasure_id"])
        assert [first.body["outcome"], followed.body["outcome"]] == ["partial", "partial"]
        await records.ack(Ack(node="a" * 32, boot="b" * 32, applied={CLOUD: await records.head(CLOUD)}, nonce=nonce))
        asked = await records.erasure(CLOUD, first.body["erasure_id"])
        assert (asked.body["state"], asked.body["outcome"]) == ("fenced", "partial")
        assert await looked(records, edge) == 1
        over = await records.erasure(CLOUD, first.body["erasure_id"])
        assert over.body["outcome"] == "erased"
        assert over.body["key"]["state"] == KEY_STATE_FILE
        assert over.body["removed"] == first.body["removed"]
        assert holds(over, records)
    async with opened(tmp_path) as records:
        assert await records.erasure(CLOUD, first.body["erasure_id"]) == over, "the last statement is kept"


async def test_the_same_request_id_is_the_same_erasure(records: Records) -> None:
    await upload(records, name("people/jane"))
    first = await records.erase(CLOUD, JANE, request_id="r1")
    again = (await upload(records, name("people/jane"))).record
    assert await records.erase(CLOUD, JANE, request_id="r1") == first
    assert await records.get(name("people/jane")) == again, "what came after it is not part of it"
    with pytest.raises(BadRequest, match="request_id"):
        await records.erase(CLOUD, PurgeTargets(public_ids=("people/joe",)), request_id="r1")


async def test_what_an_older_release_was_cut_short_in_goes_on_under_its_request_id(records: Records) -> None:
    """It took so many in one transaction and remembered that there were more; today there is no such thing."""
    for n in range(3):
        await upload(records, name(f"a/{n}"))
    core, targets = records._core, PurgeTargets(prefixes=("a",))
    state = State(head=await records.head(CLOUD), seqs=(7,), versions=2, shown=("h",), renditions=0, finished=False)
    request, selector = core.hash_of(CLOUD, "request", "r1"), core.hash_of(CLOUD, "selector", f"r1\0{targets!r}")
    row = ErasureRow(tenant=CLOUD, id="e" * 32, request=request, selector=selector, state=state)
    async with core.database.write() as connection:
        await erasure_rows.save(connection, row)
    assert (await records.erasure(CLOUD, row.id)).body["outcome"] == "partial"
    statement = await records.erase(CLOUD, targets, request_id="r1")
    assert (statement.body["outcome"], statement.body["removed"]["versions"]) == ("erased", 5)
    assert (statement.body["erasure_id"], len(statement.body["versions"])) == (row.id, 4)


async def test_more_than_one_call_may_take_is_refused_and_nothing_of_it_is_taken(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "ERASE_VERSIONS_MAX", 2)
    for n in range(3):
        await upload(records, name(f"a/{n}"))
    for asked in (records.erase_preview, records.erase):
        with pytest.raises(LimitExceeded, match="one call erases 2 at most"):
            await asked(CLOUD, PurgeTargets(prefixes=("a",)))
    assert len((await records.list(CLOUD, Filter())).records) == 3
    await records.destroy(name("a/0"))
    assert (await records.erase(CLOUD, PurgeTargets(prefixes=("a",)))).body["outcome"] == "erased"


async def test_a_statement_is_kept_for_its_time_and_no_longer(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    clocks = Clocks(wall=lambda: now[0], monotonic=lambda: now[0])
    async with Records.open(settings(tmp_path), clocks) as records:
        await records.create_tenant(CLOUD)
        for person in ("jane", "joe"):
            await upload(records, name(person))
        statement = await records.erase(CLOUD, PurgeTargets(public_ids=("jane",)))
        now[0] += STATEMENT_KEPT_SECONDS + 1
        await records.erase(CLOUD, PurgeTargets(public_ids=("joe",)))
        with pytest.raises(AssetNotFound):
            await records.erasure(CLOUD, statement.body["erasure_id"])


async def test_another_cloud_does_not_see_an_erasure(records: Records) -> None:
    await records.create_tenant("other")
    await upload(records, name("people/jane"))
    statement = await records.erase(CLOUD, JANE)
    with pytest.raises(AssetNotFound):
        await records.erasure("other", statement.body["erasure_id"])


async def test_an_edge_that_has_not_acked_makes_the_statement_partial(tmp_path: Path) -> None:
    async with opened(tmp_path, ack_seconds_max=0.05) as records:
        await upload(records, name("people/jane"))
        await records.grant_lease(LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={}))
        statement = await records.erase(CLOUD, JANE)
    assert statement.body["outcome"] == "partial"
    assert statement.body["key"]["state"] == KEY_STATE_WAITING
    assert statement.body["places"][1]["waiting"] == 1


async def test_a_store_that_does_not_delete_makes_the_statement_partial_and_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: Any) -> bool:
        raise OSError(5, "input/output error")

    async with opened(tmp_path) as records:
        record = (await upload(records, name("people/jane"))).record
        with monkeypatch.context() as broken:
            broken.setattr(LocalStore, "delete", refuses)
            statement = await records.erase(CLOUD, JANE)
        assert statement.body["outcome"] == "partial"
        assert statement.body["removed"] == {"versions": 1, "originals": 0, "renditions": 0}
        assert await records.get(name("people/jane")) is None
    async with opened(tmp_path) as records:
        assert records._core.keyring.of(record.aid) is None
        assert not list((tmp_path / "data" / "originals").rglob(record.aid))
        over = await records.erasure(CLOUD, statement.body["erasure_id"])
        assert (over.body["outcome"], over.body["removed"]["originals"]) == ("erased", 1)


async def test_a_file_that_cannot_be_deleted_keeps_no_key_alive_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promise is 32 bytes destroyed first; whatever a store does with ciphertext comes after."""
    real = LocalStore.delete

    async def refuses_one(store: LocalStore, tenant: str, aid: Aid) -> bool:
        if aid == stuck.aid:
            raise PermissionError(1, "not permitted")
        return await real(store, tenant, aid)

    async with opened(tmp_path) as records:
        stuck = (await upload(records, name("a/stuck"))).record
        other = (await upload(records, name("a/other"))).record
        monkeypatch.setattr(LocalStore, "delete", refuses_one)
        statement = await records.erase(CLOUD, PurgeTargets(prefixes=("a",)))
        core = records._core
        assert [core.keyring.of(record.aid) for record in (stuck, other)] == [None, None]
        assert [file.name for file in (tmp_path / "data" / "originals").rglob("?" * 32)] == [stuck.aid]
        assert statement.body["outcome"] == "partial"
        assert statement.body["key"]["state"] == KEY_STATE_FILE, "the key is destroyed, whatever the store does"
        assert statement.body["places"][0]["state"] == "pending"
        async with core.database.read() as connection:
            assert await core.catalogue.doomed(connection) == [(stuck.aid, CLOUD)]
        monkeypatch.setattr(LocalStore, "delete", real)
        await recovery.finish_doomed(core)
        assert not list((tmp_path / "data" / "originals").rglob("?" * 32))


async def test_a_key_that_cannot_be_destroyed_is_not_called_destroyed_until_it_is(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(records, name("people/jane"))
    core = records._core

    def refuses(_tree: KeyTree) -> None:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(KeyTree, "finish", refuses)
        statement = await records.erase(CLOUD, JANE)
        assert statement.body["outcome"] == "partial"
        assert statement.body["key"]["state"].startswith("not destroyed yet")
        assert not list((tmp_path / "data" / "originals").rglob("?" * 32)), "bytes go all the same"
        await recovery.finish_doomed(core)
        async with core.database.read() as connection:
            assert len(await core.catalogue.doomed(connection)) == 1, "memory has forgotten it, the disk has not"
    await recovery.finish_doomed(core)
    async with core.database.read() as connection:
        assert await core.catalogue.doomed(connection) == []
    assert not (tmp_path / "data.keys" / "root-1").exists()


# --- whole, through crashes at any step ---------------------------------------------------------------------------------

WHOLE = PurgeTargets(public_ids=("jane",))


class Crash(BaseException):
    """A kill: nothing that is written for errors hears of it."""


async def two_versions(records: Records) -> list[AssetRecord]:
    """One under retention, and the one that the asset has now."""
    return [(await upload(records, name("jane"), body, backup=True)).record for body in (b"one", b"two")]


async def test_what_is_kept_and_what_lives_go_with_one_entry(records: Records) -> None:
    versions = await two_versions(records)
    before = await records.head(CLOUD)
    await records.erase(CLOUD, WHOLE)
    (entry,) = (await records.entries({CLOUD: before.seq}, wait_seconds=0)).entries
    assert (entry.kind, set(entry.aids)) == (Kind.ERASE, {version.aid for version in versions})


async def test_a_crash_at_any_statement_of_an_erase_has_changed_nothing(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = await two_versions(records)
    real, before = AsyncConnection.execute, await records.head(CLOUD)
    steps, at, done = 0, 0, False

    async def execute(connection: AsyncConnection, *args: Any, **options: Any) -> Any:
        nonlocal at
        at -= 1
        if at == 0:
            raise Crash
        return await real(connection, *args, **options)

    while not done:
        steps, at = steps + 1, steps + 1
        with monkeypatch.context() as broken:
            broken.setattr(AsyncConnection, "execute", execute)
            try:
                await records._core.shield.run(_taken(records))
                done = True
            except Crash:
                pass
        if not done:
            assert await records.get(name("jane")) == versions[1]
            assert [one.record for one in await records.backups.of_name(name("jane"))] == [versions[0]]
            assert await records.head(CLOUD) == before
    assert steps > 15
    assert await records.get(name("jane")) is None
    assert not await records.backups.of_name(name("jane"))


async def _taken(records: Records) -> None:
    """The transaction alone."""
    core = records._core
    asked = Asked(tenant=CLOUD, targets=WHOLE, versions=Versions.ALL, request=None, selector="s", once=None)
    async with core.journal.change(CLOUD) as change:
        await Erasures(core)._take(change, asked, None, None)


@pytest.mark.parametrize(
    ("where", "step"),
    [
        (Journal, "_committed"),
        (Core, "forget"),
        (Keyring, "puncture"),
        (LocalStore, "delete"),
        (Core, "_undoom"),
        (Endings, "told"),
        (erasure_rows, "close"),
        (AuditLog, "append"),
    ],
    ids=["copied", "forgetting", "keys", "files", "over", "told", "closed", "logged"],
)
@pytest.mark.sqlite
async def test_a_crash_at_any_step_after_it_leaves_nothing_served_and_the_erasure_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, step: str
) -> None:
    """Without a request_id: nobody repeats the call."""

    async def crash(*_: Any, **__: Any) -> None:
        raise Crash

    async with opened(tmp_path) as records:
        versions = await two_versions(records)
        with monkeypatch.context() as broken:
            broken.setattr(where, step, crash)
            with pytest.raises(BaseException):  # noqa: B017 - a Crash, or a group of it
                await records.erase(CLOUD, WHOLE)
        assert await records.get(name("jane")) is None
        assert not await records.backups.of_name(name("jane"))
    async with opened(tmp_path) as records:
        assert await records.get(name("jane")) is None
        assert [records._core.keyring.of(version.aid) for version in versions] == [None, None]
        assert not [blob async for blob in records._core.blobs.list()]
        await Endings(records._core).close_over()
        async with records._core.database.read() as connection:
            (row,) = (await connection.execute(select(erasure.c.id, erasure.c.leaf))).all()
        statement = await records.erasure(CLOUD, row.id)
        assert (statement.body["outcome"], statement.body["removed"]["versions"]) == ("erased", 2)
        assert row.leaf is not None

"""The audit log: every erasure that is over has its leaf, once; the log only grows, whatever is put back or breaks off."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from deploy import verify_receipt
from domicile.media import merkle
from domicile.media.checkpoint import Checkpoint, read_checkpoint
from domicile.media.errors import AssetNotFound, BadRequest, UpstreamUnavailable
from domicile.media.statement import canonical, key_id
from domicile.media.wire import Ack, LeaseRequest
from domicile.service.settings import BadSetting
from origin.catalogue import tables as t
from origin.records import PurgeTargets, Records, opening
from origin.records.audit import AuditFile
from tests.infra.records import CLOUD, count_rows, keep, looked, name, opened, restore, upload


def keys_of(records: Records) -> dict[str, Any]:
    told = {"statement": records.statement_public_key(), "log": records.audit.public_key}
    said = {what: {"public_key": base64.b64encode(key).decode(), "key_id": key_id(key)} for what, key in told.items()}
    said["log"]["name"] = records.audit.name
    return said


async def erased(records: Records, public_id: str) -> dict[str, Any]:
    """The statement's body."""
    await upload(records, name(public_id))
    return (await records.erase(CLOUD, PurgeTargets(public_ids=(public_id,)))).body


async def head(records: Records) -> Checkpoint:
    audit = records.audit
    return read_checkpoint(await audit.checkpoint(), origin=audit.name, public_key=audit.public_key)


async def leaf_count(records: Records) -> int:
    async with records._core.database.read() as connection:
        return len((await connection.scalars(select(t.audit_leaf.c.number))).all())


async def test_each_erasure_that_is_over_has_a_receipt_that_holds(records: Records) -> None:
    assert (await head(records)).size == 0
    said = [await erased(records, f"people/{number}") for number in range(5)]
    keys = keys_of(records)
    for index, body in enumerate(said):
        receipt = await records.receipt(CLOUD, body["erasure_id"])
        assert receipt["log"]["index"] == index
        assert verify_receipt.verify(json.loads(json.dumps(receipt)), keys)["erasure_id"] == body["erasure_id"]
    assert (await head(records)).size == 5


async def test_asking_again_makes_no_second_leaf(records: Records) -> None:
    body = await erased(records, "people/jane")
    for _ in range(3):
        await records.erasure(CLOUD, body["erasure_id"])
    assert await leaf_count(records) == 1


async def test_who_closes_at_the_same_time_closes_once(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status question that comes while the call itself is at its end."""
    endings = records._erasures._endings
    close, closing = endings._close, asyncio.Event()

    async def slowly(row: Any, statement: Any) -> Any:
        closing.set()
        await asyncio.sleep(0.05)
        return await close(row, statement)

    monkeypatch.setattr(endings, "_close", slowly)
    await upload(records, name("people/jane"))
    going = asyncio.create_task(records.erase(CLOUD, PurgeTargets(public_ids=("people/jane",))))
    await closing.wait()
    async with records._core.database.read() as connection:
        erasure_id = await connection.scalar(select(t.erasure.c.id))
    assert erasure_id is not None
    asked, done = await asyncio.gather(records.erasure(CLOUD, erasure_id), going)
    assert asked == done
    assert await leaf_count(records) == 1


async def test_what_is_not_over_has_no_receipt(records: Records) -> None:
    with pytest.raises(AssetNotFound):
        await records.receipt(CLOUD, "0" * 32)


async def test_another_cloud_s_receipt_is_not_shown(records: Records) -> None:
    await records.create_tenant("other")
    body = await erased(records, "people/jane")
    with pytest.raises(AssetNotFound):
        await records.receipt("other", body["erasure_id"])


async def test_a_leaf_tells_of_nobody(records: Records) -> None:
    await erased(records, "people/jane-canary")
    (leaf,) = await records.audit.leaves(0, 10)
    told = json.loads(leaf)
    assert canonical(told) == leaf
    assert set(told) == {"type", "kind", "epoch", "seq", "issued_at", "outcome", "statement"}
    assert b"jane" not in leaf
    assert CLOUD.encode() not in leaf


async def test_the_log_only_grows_and_shows_it(records: Records) -> None:
    await erased(records, "people/1")
    await erased(records, "people/2")
    before = await head(records)
    for number in range(3, 8):
        await erased(records, f"people/{number}")
    after = await head(records)
    proof = await records.audit.consistency(before.size, after.size)
    assert merkle.is_extended(before.size, after.size, proof, before.root, after.root)


@pytest.mark.parametrize(("before", "size"), [(0, 1), (1, 2), (2, 1)])
async def test_there_is_no_proof_of_a_log_that_never_was(records: Records, before: int, size: int) -> None:
    await erased(records, "people/1")
    with pytest.raises(BadRequest):
        await records.audit.consistency(before, size)


async def test_a_catalogue_put_back_gets_the_leaves_that_it_lacks(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await erased(records, "people/1")
    keep(tmp_path, "kept")
    async with opened(tmp_path) as records:
        for number in range(2, 5):
            await erased(records, f"people/{number}")
        before = await head(records)
    restore(tmp_path, "kept", originals=False)
    async with opened(tmp_path) as records:
        assert await head(records) == before
        await erased(records, "people/5")
        after = await head(records)
        proof = await records.audit.consistency(before.size, after.size)
        assert merkle.is_extended(before.size, after.size, proof, before.root, after.root)


async def test_a_leaf_that_did_not_reach_the_file_reaches_it_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await erased(records, "people/1")
        before = await head(records)
        file = records._core.settings.mirror_directory / "audit"
    file.write_bytes(b"")
    async with opened(tmp_path) as records:
        assert await head(records) == before
    assert len(file.read_bytes().splitlines()) == 1


async def test_no_checkpoint_covers_what_the_file_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: AuditFile, leaves: list[bytes]) -> None:
        raise OSError(28, "No space left on device")

    async with opened(tmp_path) as records:
        await upload(records, name("people/jane"))
        with monkeypatch.context() as patched:
            patched.setattr(AuditFile, "append", full)
            with pytest.raises(UpstreamUnavailable):
                await records.erase(CLOUD, PurgeTargets(public_ids=("people/jane",)))
            assert (await head(records)).size == 0
        async with records._core.database.read() as connection:
            erasure_id = await connection.scalar(select(t.erasure.c.id))
        assert erasure_id is not None
        with pytest.raises(AssetNotFound):
            await records.receipt(CLOUD, erasure_id)
        assert (await records.erasure(CLOUD, erasure_id)).body["outcome"] == "erased"
        assert (await head(records)).size == 1
        await records.receipt(CLOUD, erasure_id)


async def test_a_file_that_tells_of_another_past_stops_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await erased(records, "people/1")
        file = records._core.settings.mirror_directory / "audit"
    file.write_bytes(file.read_bytes().replace(b"erased", b"partly"))
    with pytest.raises(BadSetting, match="another past"):
        async with opened(tmp_path):
            pass


async def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await erased(records, "people/1")
        file = records._core.settings.mirror_directory / "audit"
        before = await head(records)
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"half')
    async with opened(tmp_path) as records:
        assert await head(records) == before
    assert file.read_bytes() == whole


async def test_an_erasure_that_nobody_asks_about_again_has_its_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={})
    monkeypatch.setattr(opening, "MAINTENANCE_SECONDS", 0.05)
    async with opened(tmp_path, ack_seconds_max=0.05) as records:
        await upload(records, name("people/jane"))
        nonce = (await records.grant_lease(edge)).nonce
        first = await records.erase(CLOUD, PurgeTargets(public_ids=("people/jane",)))
        assert first.body["outcome"] == "partial"
        await asyncio.sleep(0.1)
        assert count_rows(tmp_path, "audit_leaf") == 0, "it is not over"
        await records.ack(Ack(node="a" * 32, boot="b" * 32, applied={CLOUD: await records.head(CLOUD)}, nonce=nonce))
        async with asyncio.timeout(30):
            while count_rows(tmp_path, "audit_leaf") == 0:
                await looked(records, edge)
                await asyncio.sleep(0.05)
        await records.erasure(CLOUD, first.body["erasure_id"])
        assert count_rows(tmp_path, "audit_leaf") == 1

"""Who was told of a version goes with it, and is sealed like everything else about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from origin.records import PurgeTargets, RecipientKind, Records
from tests.infra.records import CLOUD, count_rows, name, upload, written

HOST = "hooks-of-jane.example"


async def test_each_is_noted_once_and_goes_with_the_version(records: Records, tmp_path: Path) -> None:
    first = (await upload(records, name("jane"), backup=True)).record
    other = (await upload(records, name("joan"))).record
    for _ in range(2):
        await records.recipients.note(CLOUD, [first.aid, other.aid], RecipientKind.WEBHOOK, HOST)
    await records.recipients.note(CLOUD, [first.aid], RecipientKind.EXPORT, "e" * 32)
    assert [(one.kind, one.who) for one in await records.recipients.of(CLOUD, first.aid)] == [
        ("webhook", HOST),
        ("export", "e" * 32),
    ]
    assert HOST.encode() not in written(tmp_path)
    await records.destroy(name("jane"))
    assert len(await records.recipients.of(CLOUD, first.aid)) == 2, "it is under retention"
    statement = await records.erase(CLOUD, PurgeTargets(asset_ids=(first.asset_id,)))
    assert statement.body["recipients"] == {"webhook": 1, "export": 1}
    assert count_rows(tmp_path, "recipient") == 1
    await upload(records, name("joan"), b"replaced")
    assert count_rows(tmp_path, "recipient") == 0


async def test_nothing_is_noted_of_what_is_no_more(records: Records, tmp_path: Path) -> None:
    gone = (await upload(records, name("jane"))).record
    await records.create_tenant("other")
    await asyncio.gather(
        records.destroy(name("jane")),
        records.recipients.note(CLOUD, [gone.aid], RecipientKind.WEBHOOK, HOST),
    )
    for tenant, aid in ((CLOUD, gone.aid), ("other", (await upload(records, name("joan"))).record.aid)):
        await records.recipients.note(tenant, [aid], RecipientKind.WEBHOOK, HOST)
    assert count_rows(tmp_path, "recipient") == 0

"""What waits for the link of an export, on both databases; tests of the API look at what is handed out."""

from __future__ import annotations

import asyncio

import pytest

from domicile.media.errors import AssetNotFound, Overloaded
from origin.records import Claimed, Link, Plan, Records, exports, subjects
from tests.infra.records import CLOUD, name, upload

JANE = "person-4711-jane"


async def link_of(records: Records, *, seconds: float = 3600.0) -> Link:
    held = await records.subjects.holdings(CLOUD, JANE, body_bytes_max=1000)
    plan = Plan(subject_id=JANE, aids=held.aids, includes_shared=False, head=held.head, after="", next_cursor="")
    return await records.exports.create(CLOUD, plan, body_bytes=held.body_bytes, seconds=seconds)


async def test_all_versions_of_a_person_are_found_by_parts(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    await records.create_tenant("other")
    await upload(records, name("jane", cloud="other"), subject_ids=(JANE,))
    await upload(records, name("joan"), subject_ids=("joan",))
    aids = [
        (await upload(records, name(public_id), backup=True, subject_ids=(JANE,))).record.aid
        for public_id in ("a", "a", "b", "c")
    ]
    await records.destroy(name("b"))
    monkeypatch.setattr(subjects, "VERSIONS_MAX", 3)
    first = await records.subjects.holdings(CLOUD, JANE, body_bytes_max=1000)
    assert (len(first.aids), first.next_cursor) == (3, first.aids[-1])
    rest = await records.subjects.holdings(CLOUD, JANE, after=first.aids[-1], body_bytes_max=1000)
    assert (sorted((*first.aids, *rest.aids)), rest.next_cursor) == (sorted(aids), None)
    states = [await records.subjects.version(CLOUD, aid) for aid in aids]
    assert [one.state for one in states if one] == ["under_retention", "current", "under_retention", "current"]
    assert await records.subjects.version("other", aids[0]) is None


async def test_of_many_who_have_the_link_one_gets_it(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    await upload(records, name("jane"), subject_ids=(JANE,))
    link = await link_of(records)
    tries = [records.exports.claim(CLOUD, link.export_id, link.token) for _ in range(4)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    (claimed,) = [one for one in done if isinstance(one, Claimed)]
    assert [type(one) for one in done if one is not claimed] == [AssetNotFound] * 3
    with records.exports.running(claimed):
        assert (await records.exports.told(CLOUD, link.export_id)).state == "running"
    assert (await records.exports.told(CLOUD, link.export_id)).state == "cut_off", "nobody hands it out any more"
    await records.exports.finish(claimed, "0" * 64)
    assert (await records.exports.told(CLOUD, link.export_id)).state == "done"
    monkeypatch.setattr(exports, "WAITING_MAX", 1)
    await link_of(records)
    with pytest.raises(Overloaded):
        await link_of(records)


async def test_links_end_and_are_forgotten(records: Records) -> None:
    await upload(records, name("jane"), subject_ids=(JANE,))
    link, core = await link_of(records, seconds=60.0), records._core
    for seconds, state in ((59.0, "ready"), (61.0, "expired")):
        now = link.expires_at - 60.0 + seconds
        object.__setattr__(core, "now", lambda now=now: now)
        await exports.drop_old(core)
        assert (await records.exports.told(CLOUD, link.export_id)).state == state
    with pytest.raises(AssetNotFound):
        await records.exports.claim(CLOUD, link.export_id, link.token)
    later = link.expires_at + exports.STATE_KEPT_SECONDS + 1
    object.__setattr__(core, "now", lambda: later)
    await exports.drop_old(core)
    with pytest.raises(AssetNotFound):
        await records.exports.told(CLOUD, link.export_id)

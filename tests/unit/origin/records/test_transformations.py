"""Transformations by what was made with them."""

from __future__ import annotations

import pytest

from domicile.media.asset import Aid
from domicile.media.journal import Kind
from domicile.media.wire import Rendition, RenditionReport
from origin.records import Records
from origin.records import transformations as module
from tests.infra.records import CLOUD, name, upload


async def made(records: Records, public_id: str, *kinds: tuple[str, str], layers: tuple[Aid, ...] = ()) -> Aid:
    """An asset of which edges have made these (transformation, format)."""
    record = await records.get(name(public_id)) or (await upload(records, name(public_id))).record
    renditions = tuple(
        Rendition(
            tenant=CLOUD, aid=record.aid, sequence=1, transformation=text, format=kind, width=1, height=1, body_bytes=1,
            layers=layers,
        )
        for text, kind in kinds
    )  # fmt: skip
    await records.add_renditions(RenditionReport(node="0" * 32, renditions=renditions), region="eu-de")
    return record.aid


async def every(records: Records, limit: int) -> list[str]:
    found, after = list[str](), ""
    while True:
        used, place = await records.transformations.page(CLOUD, after=after, limit=limit)
        found += [one.text for one in used]
        if place is None:
            return found
        after = place


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_each_is_listed_once_whatever_formats_and_assets_it_was_used_for(records: Records, limit: int) -> None:
    logo = await made(records, "logo")
    await made(records, "a", ("w_5", "jpg"), ("w_5", "png"), ("w_5", "webp"), ("w_6", "jpg"), ("", "jpg"))
    await made(records, "b", ("w_5", "jpg"), ("w_7", "avif"))
    await made(records, "b", ("l_logo", "png"), layers=(logo,))
    assert sorted(await every(records, limit)) == ["l_logo", "w_5", "w_6", "w_7"]
    await records.destroy(name("logo"))
    assert sorted(await every(records, limit)) == ["w_5", "w_6", "w_7"]
    await records.create_tenant("other")
    assert await records.transformations.page("other", after="", limit=limit) == ((), None)


async def test_whether_one_is_used_is_told_of_parts_too_and_never_denied_when_it_is_not_known(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(records, "a", ("c_scale,w_5/e_sepia", "jpg"), ("w_6", "jpg"))
    used = {
        text: await records.transformations.may_be_used(CLOUD, text) for text in ("e_sepia", "sepia", "w_6", "$a_1")
    }
    assert used == {"e_sepia": True, "sepia": False, "w_6": True, "$a_1": True}
    monkeypatch.setattr(module, "LOOKED_AT_MAX", 1)
    assert await records.transformations.may_be_used(CLOUD, "sepia")


async def test_what_is_dropped_goes_from_caches_and_from_the_list(records: Records) -> None:
    a = await made(records, "a", ("w_5", "jpg"), ("w_5", "png"), ("w_6", "jpg"))
    b = await made(records, "b", ("w_5", "webp"))
    await made(records, "c", ("w_6", "webp"))
    before = await records.head(CLOUD)
    done = await records.transformations.drop(CLOUD, "w_5")
    (entry,) = (await records.entries({CLOUD: before.seq}, wait_seconds=0)).entries
    assert (entry.kind, set(entry.aids), entry.seq) == (Kind.ASSET, {a, b}, done.head.seq)
    assert await every(records, 10) == ["w_6"]
    assert [one.transformation for one in await records.renditions(CLOUD, a)] == ["w_6"]

from __future__ import annotations

import pytest
from sqlalchemy import select

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest
from domicile.media.wire import Rendition, RenditionReport
from origin.catalogue.tables import rendition_layer
from origin.records import Filter, Records
from tests.infra.records import CLOUD, name, upload


async def ids(records: Records, where: Filter, **how: object) -> list[str]:
    page = await records.list(CLOUD, where, **how)  # type: ignore[arg-type]
    return [record.name.public_id for record in page.records]


async def fill(records: Records) -> None:
    for n, public_id in enumerate(["a/1", "a/2", "ab", "b/1"]):
        tags = ("even",) if n % 2 == 0 else ()
        await upload(records, name(public_id), created_at=1000.0 + n, tags=tags)


async def test_the_newest_come_first_unless_asked_otherwise(records: Records) -> None:
    await fill(records)
    assert await ids(records, Filter()) == ["b/1", "ab", "a/2", "a/1"]
    assert await ids(records, Filter(), direction="asc") == ["a/1", "a/2", "ab", "b/1"]


async def test_pages_join_to_the_whole_without_overlap(records: Records) -> None:
    for n in range(7):
        await upload(records, name(f"n{n}"), created_at=1000.0)  # same time: the id decides
    seen: list[str] = []
    cursor = None
    while True:
        page = await records.list(CLOUD, Filter(), max_results=3, cursor=cursor)
        seen += [record.name.public_id for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"n{n}" for n in range(7)]


async def test_filters_hold_together(records: Records) -> None:
    await fill(records)
    assert await ids(records, Filter(prefix="a")) == ["ab", "a/2", "a/1"]
    assert await ids(records, Filter(prefix="a/")) == ["a/2", "a/1"]
    assert await ids(records, Filter(tag="even")) == ["ab", "a/1"]
    assert await ids(records, Filter(tag="even", prefix="a/")) == ["a/1"]
    assert await ids(records, Filter(public_ids=("ab", "nothing"))) == ["ab"]
    assert await ids(records, Filter(delivery_type="private")) == []
    assert await ids(records, Filter(), start_at=1001.0) == ["a/2", "a/1"]
    assert await ids(records, Filter(), start_at=1001.0, direction="asc") == ["a/2", "ab", "b/1"]


async def test_clouds_do_not_see_each_other(records: Records) -> None:
    await records.create_tenant("other")
    await fill(records)
    assert not (await records.list("other", Filter())).records
    record = await records.get(name("ab"))
    assert record is not None
    assert await records.get_by_asset_id("other", record.asset_id) is None


@pytest.mark.parametrize("cursor", ["x", "äöü", "AAAA", "gqA"])
async def test_a_cursor_that_is_not_ours_is_a_bad_request(records: Records, cursor: str) -> None:
    with pytest.raises(BadRequest):
        await records.list(CLOUD, Filter(), cursor=cursor)


@pytest.mark.parametrize("how", [{"max_results": 0}, {"max_results": 501}, {"direction": "up"}])
async def test_a_listing_outside_its_limits_is_a_bad_request(records: Records, how: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        await records.list(CLOUD, Filter(), **how)  # type: ignore[arg-type]


def report(
    aid: Aid, transformation: str = "w_100", tenant: str = CLOUD, layers: tuple[Aid, ...] = ()
) -> RenditionReport:
    made = Rendition(
        tenant=tenant,
        aid=aid,
        sequence=1,
        transformation=transformation,
        format="jpg",
        width=100,
        height=75,
        body_bytes=1234,
        layers=layers,
    )
    return RenditionReport(node="0" * 32, renditions=(made,))


async def test_reported_renditions_are_listed_once(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    assert await records.add_renditions(report(aid), region="eu-de") == 1
    assert await records.add_renditions(report(aid), region="eu-de") == 0
    (rendition,) = await records.renditions(CLOUD, aid)
    assert (rendition.transformation, rendition.width) == ("w_100", 100)


async def test_of_one_report_each_rendition_counts_by_itself(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("origin.records.renditions.RENDITIONS_PER_AID_MAX", 3)
    aid, other = [(await upload(records, name(one))).record.aid for one in ("jane", "joe")]
    gone = Aid("0" * 32)
    made = [
        report(one, transformation=text).renditions[0]
        for one, text in ((aid, "a"), (aid, "a"), (gone, "a"), (aid, "b"), (aid, "c"), (aid, "d"), (other, "d"))
    ]
    assert await records.add_renditions(RenditionReport(node="0" * 32, renditions=tuple(made)), region="eu-de") == 4
    assert {one.transformation for one in await records.renditions(CLOUD, aid)} == {"a", "b", "c"}
    assert {one.transformation for one in await records.renditions(CLOUD, other)} == {"d"}


async def test_a_rendition_of_an_aid_that_is_gone_is_dropped(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    await records.destroy(name("jane"))
    before = await records.head(CLOUD)
    assert await records.add_renditions(report(aid), region="eu-de") == 0
    assert await records.head(CLOUD) == before, "a report that keeps nothing moves nothing"


async def test_a_rendition_reported_for_another_cloud_is_dropped(records: Records) -> None:
    await records.create_tenant("other")
    aid = (await upload(records, name("jane"))).record.aid
    assert await records.add_renditions(report(aid, tenant="other"), region="eu-de") == 0
    assert await records.add_renditions(report(aid, tenant="nobody"), region="eu-de") == 0


async def test_totals_count_every_asset_of_this_cloud_as_it_is_now(records: Records) -> None:
    await records.create_tenant("other")
    await upload(records, name("a", cloud="other"), b"12345")
    assert await records.totals(CLOUD) == (0, 0)
    await upload(records, name("a"), b"123")
    await upload(records, name("b"), b"1234")
    await upload(records, name("a"), b"1")
    assert await records.totals(CLOUD) == (2, 5)
    await records.destroy(name("b"))
    assert await records.totals(CLOUD) == (1, 1)


async def test_tags_are_sorted_each_once_and_paged(records: Records) -> None:
    await records.create_tenant("other")
    await upload(records, name("x", cloud="other"), tags=("ta",))
    await upload(records, name("a"), tags=("tb", "ta", "ü"))
    await upload(records, name("b"), tags=("tb", "tc", "s"))

    async def tags(prefix: str = "", after: str = "", limit: int = 10) -> tuple[str, ...]:
        return await records.tags(CLOUD, "image", prefix=prefix, after=after, limit=limit)

    assert await tags() == ("s", "ta", "tb", "tc", "ü")
    assert await tags(prefix="t") == ("ta", "tb", "tc")
    assert await tags(prefix="t", after="ta", limit=1) == ("tb",)
    assert await records.tags(CLOUD, "raw", prefix="", after="", limit=10) == ()


async def test_a_rendition_is_forgotten_with_any_picture_that_it_shows(records: Records) -> None:
    base, logo, badge = [(await upload(records, name(one))).record.aid for one in ("jane", "logo", "badge")]
    for transformation, layers in {"plain": (), "both": (logo, badge), "badge": (badge,)}.items():
        assert (
            await records.add_renditions(report(base, transformation=transformation, layers=layers), region="eu-de")
            == 1
        )
    await records.destroy(name("logo"))
    assert {one.transformation for one in await records.renditions(CLOUD, base)} == {"plain", "badge"}
    again = (await upload(records, name("logo"))).record.aid
    assert await records.add_renditions(report(base, transformation="both", layers=(again, badge)), region="eu-de") == 1
    assert (
        await records.add_renditions(report(base, transformation="late", layers=(logo,)), region="eu-de") == 0
    )  # it is gone
    await upload(records, name("badge"))  # another version
    assert {one.transformation for one in await records.renditions(CLOUD, base)} == {"plain"}
    await records.destroy(name("jane"))
    async with records._core.database.read() as connection:
        assert (await connection.execute(select(rendition_layer))).all() == []

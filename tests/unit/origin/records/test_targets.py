"""What a selector means: every version that an asset ever had, by whatever the asset was called, or carried, in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domicile.media.errors import AssetNotFound, BadRequest
from origin.records import AssetRecord, PurgeTargets, Records, Versions
from tests.infra.records import CLOUD, name, upload

JANE = PurgeTargets(public_ids=("jane",))


async def kept(records: Records, public_id: str = "jane", body: bytes = b"picture", **changes: Any) -> AssetRecord:
    return (await upload(records, name(public_id), body, backup=True, **changes)).record


async def two_versions(records: Records, **changes: Any) -> list[AssetRecord]:
    """One under retention, and the one that the asset has now."""
    return [await kept(records, body=body, **changes) for body in (b"one", b"two")]


async def labelled(records: Records, public_id: str, **changes: Any) -> None:
    await records.edit([name(public_id)], lambda record: replace(record, **changes))


def left(records: Records, versions: list[AssetRecord]) -> list[bool]:
    return [records._core.keyring.of(version.aid) is not None for version in versions]


# --- what an asset carries is carried by all of its versions ----------------------------------------------------------

GIVEN_LATER = {
    "tag": ({"tags": ("t",)}, PurgeTargets(tags=("t",))),
    "subject": ({"subject_ids": ("p1",)}, PurgeTargets(subjects=("p1",))),
}


@pytest.mark.parametrize("given", GIVEN_LATER)
@pytest.mark.parametrize("last", ["lives", "kept", "erased", "replaced"])
async def test_what_an_asset_was_given_after_a_version_ended_selects_that_version(
    records: Records, given: str, last: str
) -> None:
    carries, targets = GIVEN_LATER[given]
    first = await kept(records, body=b"one")
    second = (await upload(records, name("jane"), b"two", backup=last == "kept")).record
    other = await kept(records, "joan")
    await labelled(records, "jane", **carries)
    if last in {"kept", "erased"}:
        await records.destroy(name("jane"))
    elif last == "replaced":
        await upload(records, name("jane"), b"three", subject_ids=())
    assert left(records, [first, second]) == [True, last in {"lives", "kept"}]
    await records.erase(CLOUD, targets)
    assert left(records, [first, second, other]) == [False, False, True]
    assert (await records.get(name("jane")) is not None) is (last == "replaced"), "it never carried it"


@pytest.mark.parametrize(
    "targets", [PurgeTargets(public_ids=("joan",)), PurgeTargets(urls=("/image/upload/joan.jpg",))]
)
async def test_a_later_name_selects_older_versions(records: Records, targets: PurgeTargets) -> None:
    first = await kept(records, body=b"one")
    await upload(records, name("jane"), b"two")
    await records.rename(name("jane"), "joan")
    await records.destroy(name("joan"))
    await records.erase(CLOUD, targets)
    assert left(records, [first]) == [False]


async def test_whom_an_asset_was_about_in_the_end_is_known_of_what_is_restored(records: Records) -> None:
    await kept(records, body=b"one", subject_ids=("p1",))
    await upload(records, name("jane"), b"two", subject_ids=("p2",))
    (before,) = await records.backups.of_name(name("jane"))
    await records.destroy(name("jane"))
    restored = (await records.backups.restore(before)).record
    assert set(restored.subject_ids) == {"p1", "p2"}
    await records.erase(CLOUD, PurgeTargets(subjects=("p2",)))
    assert await records.get(name("jane")) is None
    assert not await records.backups.of_name(name("jane"))


# --- selectors --------------------------------------------------------------------------------------------------------


async def test_a_subject_selects_what_is_about_that_person(records: Records) -> None:
    one = await kept(records, "one", subject_ids=("p1", "p2"))
    two = await kept(records, "two", subject_ids=("p2",))
    targets = PurgeTargets(subjects=("p1",))
    assert (await records.erase_preview(CLOUD, targets)).records == (one,)
    await records.erase(CLOUD, targets)
    assert left(records, [one, two]) == [False, True]


async def test_a_search_selects_what_it_finds_with_all_that_is_kept_of_it(records: Records) -> None:
    versions = await two_versions(records, tags=("t",), subject_ids=("p1",))
    other = await kept(records, "joan", tags=("u",))
    targets = PurgeTargets(searches=("tags=t AND subject:p1",))
    preview = await records.erase_preview(CLOUD, targets)
    assert (preview.records, preview.total, preview.backups) == ((versions[1],), 1, 1)
    statement = await records.erase(CLOUD, targets, request_id="r")
    assert left(records, [*versions, other]) == [False, False, True]
    assert await records.erase(CLOUD, targets, request_id="r") == statement
    with pytest.raises(BadRequest, match="request_id"):
        await records.erase(CLOUD, PurgeTargets(searches=("tags=u",)), request_id="r")
    for text in ("", "  ", "tags=", "nonsense:x"):
        with pytest.raises(BadRequest):
            await records.erase(CLOUD, PurgeTargets(searches=(text,)))


async def test_the_current_version_can_be_erased_alone(records: Records) -> None:
    versions = await two_versions(records)
    await labelled(records, "jane", tags=("late",))
    assert (await records.erase_preview(CLOUD, JANE, versions=Versions.CURRENT)).backups == 0
    statement = await records.erase(CLOUD, JANE, versions=Versions.CURRENT)
    assert statement.body["removed"]["versions"] == 1
    assert await records.get(name("jane")) is None
    assert left(records, versions) == [True, False]
    with pytest.raises(AssetNotFound):
        await records.erase(CLOUD, JANE, versions=Versions.CURRENT)
    await records.erase(CLOUD, PurgeTargets(tags=("late",)))
    assert left(records, versions) == [False, False], "what the last version carried finds the older one"

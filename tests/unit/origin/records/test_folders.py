"""Folders: those that somebody made, those that assets lie in, and what a rename moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from domicile.media.public_id import FOLDER_CHARS_MAX
from origin.records import Filter, Folder, PurgeTargets, Records
from origin.records import names as names_module
from tests.infra.records import CLOUD, name, upload


async def below(records: Records, path: str = "") -> list[str]:
    return await records.folders.below(CLOUD, path)


async def where(records: Records) -> dict[str, str]:
    page = await records.list(CLOUD, Filter(), max_results=500)
    return {record.name.public_id: record.folder for record in page.records}


async def test_folders_are_made_or_hold_assets_and_are_told_apart_by_whole_names(records: Records) -> None:
    await records.folders.make(CLOUD, "made/deep")
    for n, folder in enumerate(["a", "a-b", "a/c/d", "a/c-d", "a b/x", ""]):
        await upload(records, name(f"n{n}"), folder=folder)
    assert await below(records) == ["a", "a b", "a-b", "made"]
    assert await below(records, "a") == ["a/c", "a/c-d"]
    assert await below(records, "made") == ["made/deep"]
    assert await below(records, "a/c/d") == []
    with pytest.raises(AssetNotFound, match="Can't find folder with path a/nothing"):
        await below(records, "a/nothing")


async def test_a_folder_goes_when_it_is_empty_with_those_below_it(records: Records) -> None:
    await records.folders.make(CLOUD, "a/b/c")
    await records.folders.make(CLOUD, "ab")
    await upload(records, name("x"), folder="a/b")
    with pytest.raises(BadRequest, match="Folder is not empty"):
        await records.folders.drop(CLOUD, "a")
    assert await records.folders.drop(CLOUD, "a/b/c") == ["a/b/c"]
    await records.destroy(name("x"))
    assert await records.folders.drop(CLOUD, "a") == ["a", "a/b"]
    assert await below(records) == ["ab"]
    with pytest.raises(AssetNotFound):
        await records.folders.drop(CLOUD, "a")


async def test_a_rename_moves_what_is_in_it_and_nothing_beside_it(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_module, "BATCH_ASSETS_MAX", 2)
    await records.folders.make(CLOUD, "a/empty")
    for n, folder in enumerate(["a", "a/b", "a/b", "ab", "a"]):
        await upload(records, name(f"n{n}"), folder=folder, display_name=f"shown{n}")
    await records.folders.move(CLOUD, "a", "new/z")
    assert await where(records) == {"n0": "new/z", "n1": "new/z/b", "n2": "new/z/b", "n3": "ab", "n4": "new/z"}
    assert await below(records) == ["ab", "new"]
    assert await below(records, "new/z") == ["new/z/b", "new/z/empty"]
    for old, new, error in (("ab", "new", AssetExists), ("ab", "ab/c", BadRequest), ("gone", "x", AssetNotFound)):
        with pytest.raises(error):
            await records.folders.move(CLOUD, old, new)


async def test_no_path_grows_past_its_limit_by_moves(records: Records) -> None:
    deep = "a/" + "ä" * (FOLDER_CHARS_MAX - 2)
    await upload(records, name("deep"), folder=deep)
    await records.folders.make(CLOUD, "made/" + "m" * (FOLDER_CHARS_MAX - 5))
    for old, new in (("a", "ab"), ("a", "x" * FOLDER_CHARS_MAX), ("made", "made2")):
        with pytest.raises(BadRequest, match="a path in it would have more than 255 characters"):
            await records.folders.move(CLOUD, old, new)
    assert await where(records) == {"deep": deep}
    assert await below(records) == ["a", "made"], "nothing was moved, and nothing is noted"
    await records.folders.move(CLOUD, "a", "b")
    assert await where(records) == {"deep": f"b{deep[1:]}"}


async def test_a_rename_that_was_cut_off_goes_on_when_it_is_asked_again(records: Records) -> None:
    for n in range(2):
        await upload(records, name(f"n{n}"), folder="a")
    await records.folders.write_many(CLOUD, {"a": Folder(path="a", created_at=1.0, moving_to="b")})
    await records.rename(name("n0"), "n0", edit=lambda record: replace(record, folder="b"))
    with pytest.raises(AssetExists):
        await records.folders.move(CLOUD, "b", "a")
    await records.folders.move(CLOUD, "a", "b")
    assert await where(records) == {"n0": "b", "n1": "b"}
    assert await below(records) == ["b"]


async def test_a_folder_that_only_uploads_made_leaves_nothing_wherever_it_was_moved(records: Records) -> None:
    await upload(records, name("x"), folder="jane doe/b")
    await records.folders.move(CLOUD, "jane doe", "people/jane doe")
    assert await where(records) == {"x": "people/jane doe/b"}
    await records.erase(CLOUD, PurgeTargets(public_ids=("x",)))
    assert await below(records) == []
    assert await records.folders.all(CLOUD) == ()


async def test_a_note_of_a_move_is_no_folder_that_somebody_made(records: Records) -> None:
    await upload(records, name("x"), folder="a")
    await records.folders.write_many(CLOUD, {"a": Folder(path="a", created_at=1.0, moving_to="b", is_made=False)})
    await records.rename(name("x"), "x", edit=lambda record: replace(record, folder="b"))
    assert await below(records) == ["b"], "cut off behind the last asset"
    await records.folders.move(CLOUD, "a", "b")
    assert await records.folders.all(CLOUD) == ()

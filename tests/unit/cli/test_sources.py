"""Where assets come from: paths that say names, and listings of exports, which are not believed in everything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest

from domicile.cli import sources
from domicile.cli.failure import Failure
from domicile.cli.sources import LINE_CHARS_MAX, assets_of, directory_items, exported, kind_by_extension, md5_of, walked


def test_a_path_says_the_name_and_the_ending_says_the_kind(tmp_path: Path) -> None:
    for name in ("b.txt", "a/x.PNG", "a/y.tar.gz", ".hidden/z.png", "a/.z.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link.png").symlink_to(tmp_path / "a" / "x.PNG")
    found = {(asset["resource_type"], asset["public_id"]) for _, asset in walked(tmp_path, "/in/", kind_by_extension)}
    assert found == {("raw", "in/b.txt"), ("image", "in/a/x"), ("raw", "in/a/y.tar.gz")}


def line(**changes: object) -> str:
    asset = {"file": "originals/a", "resource_type": "image", "type": "upload", "public_id": "a", "asset_id": "1"}
    return json.dumps({**asset, **changes}) + "\n"


def test_the_last_line_of_an_asset_counts(tmp_path: Path) -> None:
    listing = tmp_path / "assets.jsonl"
    listing.write_text(line(tags=["old"]) + line(file="originals/b", public_id="b") + line(tags=["new"]))
    assert [(asset["public_id"], asset.get("tags")) for _, asset in exported(listing)] == [("b", None), ("a", ["new"])]


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "originals/../../secret", "link/secret", "a\0b"])
def test_a_listing_does_not_lead_out_of_its_directory(tmp_path: Path, file: str) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "link").symlink_to(tmp_path)
    listing = tmp_path / "export" / "assets.jsonl"
    listing.write_text(line() + line(file=file))
    with pytest.raises(Failure, match="line 2: a file outside of the export"):
        list(exported(listing))


NESTED = "[" * 100_000 + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "{}\n",
        "[]\n",
        "x\n",
        "null\n",
        NESTED,
        line(file=5),
        line(file="\ud800"),
        line(public_id=None),
        line(public_id="\ud800"),
        line(resource_type="image/destroy#"),
        line(resource_type=["image"]),
        line(type="../x"),
        line(type="fetch"),
        line(more="x" * LINE_CHARS_MAX),
    ],
    ids=range(14),
)
def test_a_line_that_is_no_asset_is_named(tmp_path: Path, text: str) -> None:
    listing = tmp_path / "assets.jsonl"
    listing.write_text(text)
    with pytest.raises(Failure, match="line 1: no asset of an export"):
        list(exported(listing))


def test_the_etag_of_a_file_is_its_md5(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    assert md5_of(tmp_path / "a") == "0cc175b9c0f1b6a831c399e269772661"


async def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    os.mkfifo(tmp_path / "originals" / "a")
    (tmp_path / "assets.jsonl").write_text(line())
    with pytest.raises(Failure, match="no file"):
        [item async for item in directory_items(tmp_path, cast("Any", None), folder="", kind_of=kind_by_extension)]


class Hostile:
    """Says the same to every question."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def ask(self, *_: object) -> dict[str, Any]:
        return self.answer


async def listed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [row async for row in assets_of(cast("Any", Hostile(answer)), cast("Any", None), ("image",))]


async def test_an_account_whose_pages_never_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FILES_MAX", 9)
    with pytest.raises(Failure, match="pages without any"):
        await listed({"resources": [], "next_cursor": "again"})


@pytest.mark.parametrize("row", [{}, {"resource_type": "image/destroy#", "type": "upload", "public_id": "a"}, "x"])
async def test_rows_that_are_no_assets_become_no_part_of_a_path(row: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        await listed({"resources": [row]})

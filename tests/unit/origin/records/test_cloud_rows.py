"""What clouds keep under names of their own: presets stand for all three tables."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from domicile.media.errors import AssetExists, AssetNotFound, LimitExceeded
from origin.records import Folder, Preset, Records
from tests.infra.records import CLOUD, opened, written


def preset(name: str, **values: str) -> Preset:
    return Preset(name=name, unsigned=False, settings=dict(values), created_at=1.0)


async def test_they_survive_a_restart_and_stand_in_no_file_in_the_clear(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await records.presets.add(CLOUD, "canaryname", preset("canaryname", folder="canaryfolder"))
        await records.folders.add(CLOUD, "canarypath", Folder(path="canarypath", created_at=1.0))
    body = written(tmp_path)
    assert b"lease_beat" in body
    assert b"canary" not in body
    async with opened(tmp_path) as records:
        assert await records.presets.get(CLOUD, "canaryname") == preset("canaryname", folder="canaryfolder")
        assert await records.folders.all(CLOUD) == (Folder(path="canarypath", created_at=1.0),)


async def test_a_name_is_taken_changed_and_freed(records: Records) -> None:
    await records.create_tenant("other")
    await records.presets.add(CLOUD, "a", preset("a"))
    with pytest.raises(AssetExists, match="Upload preset a already exists"):
        await records.presets.add(CLOUD, "a", preset("a"))
    assert await records.presets.get("other", "a") is None
    changed = await records.presets.change(CLOUD, "a", lambda old: msgspec.structs.replace(old, unsigned=True))
    assert changed.unsigned
    assert await records.presets.get(CLOUD, "a") == changed
    assert await records.presets.remove(CLOUD, "a")
    assert not await records.presets.remove(CLOUD, "a")
    with pytest.raises(AssetNotFound):
        await records.presets.change(CLOUD, "a", lambda old: old)


async def test_there_are_at_most_so_many_and_none_is_larger(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records.presets, "_rows_max", 1)
    await records.presets.add(CLOUD, "a", preset("a"))
    with pytest.raises(LimitExceeded, match="at most 1"):
        await records.presets.add(CLOUD, "b", preset("b"))
    with pytest.raises(LimitExceeded, match="too large"):
        await records.presets.change(CLOUD, "a", lambda old: msgspec.structs.replace(old, settings={"x": "y" * 70_000}))
    assert await records.presets.all(CLOUD) == (preset("a"),)

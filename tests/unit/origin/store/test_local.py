"""The local store: what it says is durable is named by directories that were synced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from origin.records import Records
from tests.infra.records import CLOUD, name, opened, upload


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Everything that was synced so far."""
    paths: set[Path] = set()
    real = os.fsync

    def watched(handle: int) -> None:
        paths.add(Path(os.readlink(f"/proc/self/fd/{handle}")))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return paths


async def test_the_first_upload_of_a_cloud_syncs_every_directory_up_to_the_store(
    records: Records, tmp_path: Path, synced: set[Path]
) -> None:
    aid = (await upload(records, name("first"))).record.aid
    originals = tmp_path / "data" / "originals"
    assert {originals, originals / CLOUD, originals / CLOUD / aid[:2]} <= synced


async def test_a_new_store_is_named_durably_by_its_directory(tmp_path: Path, synced: set[Path]) -> None:
    async with opened(tmp_path):
        assert tmp_path / "data" in synced

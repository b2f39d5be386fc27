from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.edge.store.disks import Disk, PlayedRegister


@pytest.fixture
def register() -> PlayedRegister:
    return PlayedRegister()


@pytest.fixture
def disk(tmp_path: Path, register: PlayedRegister) -> Disk:
    return Disk(tmp_path, register)

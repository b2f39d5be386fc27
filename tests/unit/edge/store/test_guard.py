from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from domicile.service.settings import BadSetting
from edge.store.guard import REGION_FILE, bind_directory


def test_a_new_directory_is_bound_and_closed_to_others(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "cache"
    bind_directory(directory, "eu-de")
    assert json.loads((directory / REGION_FILE).read_text())["region"] == "eu-de"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [entry.name for entry in directory.iterdir()] == [REGION_FILE]


def test_the_same_region_is_welcome_again(tmp_path: Path) -> None:
    bind_directory(tmp_path, "eu-de")
    (tmp_path / "ab").mkdir()
    bind_directory(tmp_path, "eu-de")


def test_another_region_is_refused_and_told_which_is_which(tmp_path: Path) -> None:
    bind_directory(tmp_path, "eu-de")
    with pytest.raises(BadSetting, match=r"belongs to region 'eu-de' and this edge stands in 'us-east'"):
        bind_directory(tmp_path, "us-east")
    assert json.loads((tmp_path / REGION_FILE).read_text())["region"] == "eu-de"


def test_a_directory_with_files_of_its_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(BadSetting, match="holds files"):
        bind_directory(tmp_path, "eu-de")
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2, "region": "eu-de"}', '{"format": 1}', '{"format": 1, "region": 7}']
)
def test_a_directory_that_does_not_say_its_region_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / REGION_FILE).write_text(text)
    with pytest.raises(BadSetting, match=REGION_FILE):
        bind_directory(tmp_path, "eu-de")


def test_a_draft_that_a_killed_process_left_does_not_lock_us_out(tmp_path: Path) -> None:
    (tmp_path / f".{REGION_FILE}.1.abcd").write_text("{")
    bind_directory(tmp_path, "eu-de")

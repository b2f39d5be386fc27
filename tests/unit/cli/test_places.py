"""Sockets have short paths and one owner; keys lie beside the data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from domicile.cli import places
from domicile.cli.failure import Failure


def test_keys_lie_beside_the_data_and_never_in_it(tmp_path: Path) -> None:
    keys = places.keys_directory(tmp_path / "data")
    assert keys == tmp_path / "data.keys"
    assert not keys.is_relative_to(tmp_path / "data")


def test_the_run_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data = Path("/tmp") / f"domicile-test-{os.getpid()}"
    try:
        directory = places.make_run_directory(data)
        assert directory == data / "run"
        assert directory.stat().st_mode & 0o777 == data.stat().st_mode & 0o777 == 0o700
        directory.chmod(0o755)
        assert places.make_run_directory(data).stat().st_mode & 0o777 == 0o700
    finally:
        (data / "run").rmdir()
        data.rmdir()


def test_a_path_too_long_for_a_socket_gets_a_short_stand_in_that_never_changes(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / "data"
    short = places.run_directory(deep)
    assert len(os.fsencode(short)) <= places.SOCKET_DIRECTORY_BYTES_MAX
    assert short == places.run_directory(deep)
    assert short != places.run_directory(deep.with_name("other"))
    assert len(os.fsencode(places.admin_socket(deep))) < 108


def test_a_link_in_place_of_the_run_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    link = tmp_path / "run"
    link.symlink_to(target)
    monkeypatch.setattr(places, "run_directory", lambda _data: link)
    with pytest.raises(Failure, match="somebody else"):
        places.make_run_directory(tmp_path)

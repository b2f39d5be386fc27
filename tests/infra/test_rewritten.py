"""See rewritten.py; and what was collected is no longer walked through."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.rewritten import kept_of, rewrite_all, stale


def test_what_is_kept_is_what_pytest_takes_until_the_text_changes(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.infra.rewritten.PROCESSES_MAX", 1)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "deep").mkdir()
    files = [tmp_path / "conftest.py", tmp_path / "deep" / "test_it.py"]
    for file in files:
        file.write_text("def test_it():\n    number = 2\n    assert number == 3\n", "utf-8")
    assert sorted(stale(tmp_path)) == files
    rewrite_all(pytestconfig, files)
    assert not list(stale(tmp_path))
    before = [kept_of(file).stat().st_ino for file in files]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "deep"],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "assert 2 == 3" in ended.stdout
    assert [kept_of(file).stat().st_ino for file in files] == before  # what it does not take it makes anew
    files[1].write_text("def test_it():\n    assert True\n", "utf-8")
    assert list(stale(tmp_path)) == files[1:]


def test_the_garbage_collector_leaves_out_what_was_there_before_the_tests() -> None:
    assert gc.isenabled()
    assert not any(one is pytest for one in gc.get_objects())

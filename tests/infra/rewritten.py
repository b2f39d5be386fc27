"""What pytest makes of the text of tests, made once for all processes that share them.

pytest rewrites the asserts of a file when it is imported first, and keeps what it made beside it. Processes that start together
would each do so for every file, which is more than half of what a process takes to collect all tests of a fresh clone. How it is
kept is pytest's own affair: `test_rewritten.py` sees that pytest takes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

PATTERNS = ("test_*.py", "conftest.py")
PROCESSES_MAX = 4


class Rewritten:
    """A plugin of the process that starts the others."""

    def pytest_configure(self, config: pytest.Config) -> None:
        if config.getoption("numprocesses", None):
            rewrite_all(config, sorted(stale(config.rootpath / "tests")))


def kept_of(file: Path) -> Path:
    return rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"


def stale(directory: Path) -> Iterator[Path]:
    """Files of tests of which is kept nothing, or what was made of another text."""
    for pattern in PATTERNS:
        for file in directory.rglob(pattern):
            if rewrite._read_pyc(file, kept_of(file)) is None:
                yield file


def rewrite_all(config: pytest.Config, files: list[Path]) -> None:
    """Side by side, in forks, since the configuration cannot be sent."""
    global _config  # noqa: PLW0603 - forks take it along
    _config = config
    processes = min(os.cpu_count() or 1, PROCESSES_MAX, len(files))
    if processes < 2:
        for file in files:
            _rewrite(file)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(_rewrite, files, chunksize=8))


_config: pytest.Config


def _rewrite(file: Path) -> None:
    digest, code = rewrite._rewrite_test(file, _config)
    kept = kept_of(file)
    kept.parent.mkdir(exist_ok=True)
    rewrite._write_pyc(_config.stash[rewrite.assertstate_key], code, digest, kept)

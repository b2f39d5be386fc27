"""A real PostgreSQL for tests: its own directory, its own port, gone afterwards.

Debian's package `postgresql` brings the binaries; the server refuses to run as root, so root becomes user postgres.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS_MAX = 60


def binaries() -> Path | None:
    """Directory of initdb and pg_ctl; the newest version wins."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def require() -> Path:
    """The binaries, or a visible skip that says how to get them; with CI=true their absence is a failure."""
    bin_directory = binaries()
    if bin_directory is None:
        reason = "needs PostgreSQL: apt-get install -y postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return bin_directory


def _as_postgres(command: list[str]) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, timeout=START_SECONDS_MAX, capture_output=True, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[str]:
    """SQLAlchemy URL of a fresh server; terse error logging as in production (decisions L)."""
    bin_directory = require()
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short and traversable by user postgres
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data, port = directory / "data", _free_port()
    user = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
    quick = " -c fsync=off -c full_page_writes=off -c log_error_verbosity=terse -c log_min_error_statement=panic"
    try:
        _as_postgres([str(bin_directory / "initdb"), "-D", str(data), *user])
        control = [str(bin_directory / "pg_ctl"), "-s", "-w", "-D", str(data)]
        _as_postgres([*control, "-l", str(directory / "log"), "-o", options + quick, "start"])
        try:
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)

"""A real PostgreSQL for tests: its own directory, its own port, gone afterwards.

Debian's package `postgresql` brings the binaries; the server refuses to run as root, so root becomes user postgres. A process
of tests has one server (`postgres_server` in tests/conftest.py), and each test or file a database of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from origin.catalogue.engine import Database
from origin.migrations import migrate

START_SECONDS_MAX = 60
DATABASES = ("sqlite", "postgres")
"""What a test that touches records may be run on."""
_MIGRATED = "migrated"


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


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """In a loop of its own, for callers with and without one."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


@dataclass(slots=True)
class Server:
    """One that runs."""

    directory: Path
    port: int
    control: list[str]
    options: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _has_migrated: bool = False

    @property
    def url(self) -> str:
        """SQLAlchemy's, of the database `postgres`."""
        return self.url_of("postgres")

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        _as_postgres([*self.control, "-l", str(self.log), "-o", self.options, "start"])

    def stop(self, how: str = "immediate") -> None:
        """`immediate` is as a crash is; `fast` cuts connections off and ends in order."""
        _as_postgres([*self.control, "-m", how, "stop"])

    def database(self) -> str:
        """URL of a new database that has the newest schema and no rows."""
        if not self._has_migrated:
            _wait_for(self._migrate())
            self._has_migrated = True
        name = f"d{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_MIGRATED}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def execute(self, *statements: str) -> None:
        """As the owner of the server, each by itself."""
        _wait_for(self._execute(statements))

    async def _execute(self, statements: tuple[str, ...]) -> None:
        engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    async def _migrate(self) -> None:
        await self._execute((f"CREATE DATABASE {_MIGRATED}",))
        database = Database.open(self.url_of(_MIGRATED))
        await migrate(database)
        await database.close()


@contextmanager
def running(*, quick: bool = True) -> Iterator[Server]:
    """A fresh server; terse error logging as in production (decisions L). `quick`: it does not wait for its disk."""
    bin_directory = require()
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short and traversable by user postgres
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data, port = directory / "data", _free_port()
    user = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
    options += " -c log_error_verbosity=terse -c log_min_error_statement=panic -c log_parameter_max_length_on_error=0"
    if quick:
        options += " -c fsync=off -c full_page_writes=off -c jit=off"
    control = [str(bin_directory / "pg_ctl"), "-s", "-w", "-D", str(data)]
    server = Server(directory=directory, port=port, control=control, options=options)
    try:
        _as_postgres([str(bin_directory / "initdb"), "-D", str(data), *user])
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)

"""A real PostgreSQL for tests: its own directory, its own port, gone afterwards.

Debian's package `postgresql` brings the binaries; the server refuses to run as root, so root becomes user postgres. A process
of tests has one server (`postgres_server` in tests/conftest.py), and each test or file a database of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from origin.catalogue.cdn_tables import metadata
from origin.catalogue.engine import Database
from origin.catalogue.search_server import ServerIndex
from origin.migrations import migrate
from tests.infra.ports import free_port

START_SECONDS_MAX = 60
DATABASES = ("sqlite", "postgres")
"""What a test that touches records may be run on."""
QUICK = " -c fsync=off -c full_page_writes=off -c jit=off"
"""It does not wait for its disk."""
_MIGRATED = "migrated"

T = TypeVar("T")


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


def as_postgres(command: list[str]) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, timeout=START_SECONDS_MAX, capture_output=True, cwd="/")


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """In a loop of its own, for callers with and without one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(slots=True)
class Server:
    """One that runs."""

    directory: Path
    port: int
    control: list[str]
    options: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _free: list[str] = field(default_factory=list)
    _has_migrated: bool = False
    _born: list[str] = field(default_factory=list)
    """Statements that write the rows with which a database begins."""

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
        as_postgres([*self.control, "-l", str(self.log), "-o", self.options, "start"])

    def stop(self, how: str = "immediate") -> None:
        """`immediate` is as a crash is; `fast` cuts connections off and ends in order."""
        as_postgres([*self.control, "-m", how, "stop"])

    def database(self) -> str:
        """URL of a database of the newest schema, without rows."""
        if self._free:
            url = self._free.pop()
            self.ask(url, ";".join([f'DELETE FROM "{table.name}"' for table in metadata.sorted_tables] + self._born))
            return url
        if not self._has_migrated:
            wait_for(self._migrate())
            self._has_migrated = True
        return self.copy(self.url_of(_MIGRATED))

    def give_back(self, url: str) -> None:
        """Nobody uses it any more: it is emptied for the next one, which costs less than a new one."""
        self._free.append(url)

    def copy(self, url: str) -> str:
        """Another database with all that is in one to which nobody is connected."""
        name = f"d{next(self._numbers)}"
        self.ask(self.url, f"CREATE DATABASE {name} TEMPLATE {make_url(url).database}")
        return self.url_of(name)

    def ask(self, url: str, statement: str) -> Any:
        """As the owner of the server, in no transaction; the rows, if the statement has any."""
        return wait_for(_asked(url, statement))

    def files(self, url: str) -> list[Path]:
        """All that the disk has of a database, but for tables that are not logged: its files, and the server's log and WAL,
        which are of all databases.
        """
        data = self.directory / "data"
        unlogged = set(self.unlogged_files(url))
        found = [self.log, *(data / "pg_wal").rglob("*"), *self._directory_of(url).rglob("*")]
        return [file for file in found if file.is_file() and file not in unlogged]

    def unlogged_files(self, url: str) -> list[Path]:
        """What the disk has of its tables that are not logged, of their indexes and of what is too long for them."""
        for statement in ("CREATE DATABASE flushed STRATEGY file_copy", "DROP DATABASE flushed"):
            self.ask(self.url, statement)  # a CHECKPOINT alone leaves what is not logged in memory
        nodes = {str(row[0]) for row in self.ask(url, "SELECT relfilenode FROM pg_class WHERE relpersistence = 'u'")}
        return [file for file in self._directory_of(url).iterdir() if re.split("[._]", file.name)[0] in nodes]

    def _directory_of(self, url: str) -> Path:
        oid = self.ask(url, "SELECT oid FROM pg_database WHERE datname = current_database()")[0][0]
        return self.directory / "data" / "base" / str(oid)

    async def _migrate(self) -> None:
        await _asked(self.url, f"CREATE DATABASE {_MIGRATED}")
        database = Database.open(self.url_of(_MIGRATED))
        await migrate(database)
        await ServerIndex.opened(database)
        await database.close()
        for table in (f'"{table.name}"' for table in metadata.sorted_tables):
            rows = (await _asked(self.url_of(_MIGRATED), f"SELECT json_agg(row) FROM {table} row"))[0][0]
            if rows is not None:
                self._born.append(f"INSERT INTO {table} SELECT * FROM json_populate_recordset(null::{table}, '{rows}')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One database of a server."""

    server: Server
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """With which an origin uses it."""
        return {"DOMICILE_ORIGIN_RECORDS_DATABASE_URL": self.url}

    def files(self) -> list[Path]:
        return self.server.files(self.url)


async def _asked(url: str, statement: str) -> Any:
    at = make_url(url)
    connection = await asyncpg.connect(host=at.host, port=at.port, user=at.username, database=at.database)
    try:
        if ";" in statement:
            return await connection.execute(statement)
        return await connection.fetch(statement)
    finally:
        await connection.close()


def options_of(directory: Path, port: int) -> str:
    """Of a server of its own."""
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
    return (
        options
        + " -c log_error_verbosity=terse -c log_min_error_statement=panic -c log_parameter_max_length_on_error=0"
    )


@contextmanager
def running(*, quick: bool = True) -> Iterator[Server]:
    """A fresh server; terse error logging as in production (decisions L). `quick`: it does not wait for its disk."""
    bin_directory = require()
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short and traversable by user postgres
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data, port = directory / "data", free_port()
    user = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    options = options_of(directory, port)
    if quick:
        options += QUICK
    control = [str(bin_directory / "pg_ctl"), "-s", "-w", "-D", str(data)]
    server = Server(directory=directory, port=port, control=control, options=options)
    try:
        as_postgres([str(bin_directory / "initdb"), "-D", str(data), *user])
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)

"""Connections: one code path over SQLite (embedded) and PostgreSQL (production).

SQLite:      driver in autocommit, explicit BEGIN IMMEDIATE for writers and BEGIN for readers, WAL, synchronous=FULL,
             secure_delete; one writer at a time, who waits for its turn at most LOCK_SECONDS.
PostgreSQL:  writers READ COMMITTED with lock_timeout, readers REPEATABLE READ READ ONLY.

A lock that does not come in time is `Overloaded`; a server that is not there, or goes away, is `UpstreamUnavailable`: what
had not been committed by then has not happened, and the next call takes a new connection. Source: decisions C.1, C.2, L.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domicile.media.errors import Overloaded, UpstreamUnavailable

LOCK_SECONDS = 2.0
READERS_MAX = 4
POSTGRES_WRITERS_MAX = 8
POSTGRES_CONNECT_SECONDS_MAX = 10.0
POSTGRES_COMMAND_SECONDS_MAX = 60.0
"""What no statement of ours takes; a server that has gone without a word is noticed by then."""

_BUSY = "database is locked"
_TRY_AGAIN = frozenset({"55P03", "40P01", "40001", "57014"})
"""SQLSTATEs: no lock in time; a deadlock; an order that cannot be had; a time limit of the server's owner."""
_GONE = ("08", "57P", "53300")
"""How SQLSTATEs begin of a connection that is lost, of a server that ends or begins, of one that takes no more."""

T = TypeVar("T")


def sqlite_url(file: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(file))


class Database:
    """A writer and a reader side of one database."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, in_thread: Engine | None = None) -> None:
        """`in_thread`: reads what `reader` reads, from a thread; where its driver has one for each connection anyway."""
        self._writer = writer
        self._reader = reader
        self._in_thread = in_thread

    @classmethod
    def open(cls, url: str | URL) -> Database:
        parsed = make_url(url)
        return _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)

    @property
    def is_sqlite(self) -> bool:
        return self._writer.dialect.name == "sqlite"

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction: commits at the end of the block, rolls back on an error. Raises Overloaded."""
        async with self.writer() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[AsyncConnection]:
        """A connection that may write and has begun nothing. On SQLite who holds it keeps all other writers out."""
        with _Translated(is_remote=not self.is_sqlite):
            async with self._writer.connect() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot: everything read in the block belongs to the same instant."""
        with _Translated(is_remote=not self.is_sqlite):
            async with self._reader.begin() as connection:
                yield connection

    async def snapshot(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads, all of it of the same instant. For what is asked often: `work` knows of no event loop, so on
        SQLite all of it takes one turn of a thread, where `read` takes several for each statement.
        """
        with _Translated(is_remote=not self.is_sqlite):
            if self._in_thread is not None:
                return await asyncio.to_thread(_begun, self._in_thread, work)
            async with self._reader.begin() as connection:
                return await connection.run_sync(work)

    def forget_questions(self) -> None:
        """Compiled statements hold what they were first asked with. Those of SQLite, which threads may be using, hold hashes alone:
        its search index is another database.
        """
        if not self.is_sqlite:
            for engine in (self._reader, self._writer):
                engine.sync_engine.clear_compiled_cache()

    async def close(self) -> None:
        if self._in_thread is not None:
            self._in_thread.dispose()
        await self._reader.dispose()
        await self._writer.dispose()


def _begun(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


class _Translated:
    """What drivers say when a lock does not come, or a server goes, in the domain's words; everything else passes.

    Nothing but the database is spoken to inside, so whatever a socket says is said of a remote one.
    """

    def __init__(self, *, is_remote: bool) -> None:
        self._is_remote = is_remote

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and _is_passing(error)):
            raise Overloaded("The catalogue is busy: try again") from error
        if self._is_remote and error is not None and _is_lost(error):
            raise UpstreamUnavailable("The catalogue does not answer: try again") from error


def sqlstate(error: BaseException) -> str:
    """Of a driver's error, or of the one it wraps."""
    for one in (error, getattr(error, "orig", None)):
        if isinstance(state := getattr(one, "sqlstate", None), str):
            return state
    return ""


def _is_passing(error: DBAPIError) -> bool:
    return _BUSY in str(error.orig) or sqlstate(error) in _TRY_AGAIN


def _is_lost(error: BaseException) -> bool:
    """Connecting fails with a driver's own error, or one of a socket; later it is wrapped."""
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    return sqlstate(error).startswith(_GONE)


def _sqlite(url: URL) -> Database:
    writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=LOCK_SECONDS)
    reader = create_async_engine(url, pool_size=READERS_MAX, max_overflow=0, pool_timeout=LOCK_SECONDS)
    in_thread = create_engine(
        url.set(drivername="sqlite"), pool_size=READERS_MAX, max_overflow=0, pool_timeout=LOCK_SECONDS
    )
    _prepare_sqlite(writer.sync_engine, "BEGIN IMMEDIATE", ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"))
    _prepare_sqlite(reader.sync_engine, "BEGIN", ("query_only=ON",))
    _prepare_sqlite(in_thread, "BEGIN", ("query_only=ON",))
    return Database(writer, reader, in_thread)


def _prepare_sqlite(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    common = (f"busy_timeout={int(LOCK_SECONDS * 1000)}", "foreign_keys=ON", "temp_store=MEMORY")

    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # autocommit: the driver begins nothing by itself
        cursor = dbapi_connection.cursor()
        for pragma in (*common, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgres(url: URL) -> Database:
    milliseconds = str(int(LOCK_SECONDS * 1000))
    server = {
        "timeout": POSTGRES_CONNECT_SECONDS_MAX,
        "command_timeout": POSTGRES_COMMAND_SECONDS_MAX,
        "server_settings": {"lock_timeout": milliseconds, "application_name": "domicile"},
    }
    # A connection is tried before it is given out: those that a restart of the server has cut off are opened anew.
    writer, reader = (
        create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=LOCK_SECONDS,
            pool_pre_ping=True,
            connect_args=server,
            hide_parameters=True,  # those of the search index are names
        )
        for size in (POSTGRES_WRITERS_MAX, READERS_MAX)
    )
    return Database(
        writer.execution_options(isolation_level="READ COMMITTED"),
        reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True),
    )

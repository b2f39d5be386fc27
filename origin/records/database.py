"""The catalogue's database as the settings name it: opened, reached once, and at the newest schema."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from domicile.service.settings import BadSetting
from origin.catalogue.engine import Database, sqlite_url
from origin.migrations import migrate
from origin.records.settings import RecordsSettings

POSTGRES = "postgresql+asyncpg"
_ALLOWED = f"{POSTGRES}://USER[:PASSWORD]@HOST[:PORT]/DATABASE, or empty"


@contextlib.asynccontextmanager
async def opened_database(settings: RecordsSettings) -> AsyncIterator[Database]:
    """Raises BadSetting when it cannot be reached; no password is shown."""
    url = _url(settings)
    async with contextlib.AsyncExitStack() as stack:
        try:
            database = Database.open(url)
            stack.push_async_callback(database.close)
            async with database.write() as connection:
                await connection.execute(text("SELECT 1"))
        except ModuleNotFoundError as absent:
            raise BadSetting(
                f"origin.records.database_url: PostgreSQL needs {absent.name}, which is not installed; install"
                " Domicile with its extra: pip install '.[postgres]'"
            ) from absent
        except Exception as failed:  # whatever a driver raises when it does not come through: they share no base class
            raise BadSetting(
                f"{_blamed(settings, url)} cannot be reached ({_kind(failed)}); allowed: one that answers"
            ) from failed
        await migrate(database)
        yield database


def _url(settings: RecordsSettings) -> URL:
    if not settings.database_url:
        return sqlite_url(settings.data / "catalogue.db")
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError) as bad:  # the text is not shown: a password may be anywhere in it
        raise BadSetting(f"origin.records.database_url: the value cannot be read; allowed: {_ALLOWED}") from bad
    if url.drivername != POSTGRES:
        raise BadSetting(f"origin.records.database_url: {_shown(url)} is not allowed; allowed: {_ALLOWED}")
    return url


def _blamed(settings: RecordsSettings, url: URL) -> str:
    if settings.database_url:
        return f"origin.records.database_url: {_shown(url)}"
    return f"origin.records.data: the catalogue in {str(settings.data)!r}"


def _shown(url: URL) -> str:
    """Without password and query, which may carry one too."""
    return repr(url.set(query={}).render_as_string(hide_password=True))


def _kind(failed: BaseException) -> str:
    """The driver's own error says more than the wrapper around it."""
    return type(getattr(failed, "orig", None) or failed).__name__

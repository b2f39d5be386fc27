"""Catalogues as an older release left them, and as a first start leaves them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from origin import migrations
from origin.catalogue.engine import Database, sqlite_url
from tests.infra.postgres import wait_for


def upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def begin(data: Path) -> None:
    """The catalogue that a first start would make there, unless there is one: to take every step of the schema anew is most of
    what such a start costs, and the same each time.
    """
    file = data / "catalogue.db"
    if not file.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(_newest())


@cache
def _newest() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "catalogue.db"
        wait_for(_migrated(file))
        return file.read_bytes()


async def _migrated(file: Path) -> None:
    database = Database.open(sqlite_url(file))
    await migrations.migrate(database)
    await database.close()

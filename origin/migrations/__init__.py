"""Steps of the catalogue's schema, applied at start by Alembic, which is not even imported where nothing is to be done."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from origin.catalogue.engine import Database

HERE = Path(__file__).parent
VERSION_TABLE = "alembic_version"
_REVISION = re.compile(r'^(down_)?revision = "(\w+)"$', re.MULTILINE)


async def migrate(database: Database) -> None:
    """Bring the catalogue to the newest schema, in one transaction."""
    async with database.write() as connection:
        if not await connection.run_sync(_is_newest):
            await connection.run_sync(_upgrade)


def newest() -> frozenset[str]:
    """The steps that no other one follows, by their texts: Alembic would run all of them to say so."""
    found = [
        match for step in (HERE / "versions").glob("[0-9]*.py") for match in _REVISION.findall(step.read_text("utf-8"))
    ]
    return frozenset(name for is_before, name in found if not is_before) - {
        name for is_before, name in found if is_before
    }


def _is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    return set(connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}"))) == newest()  # noqa: S608 - our own name


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

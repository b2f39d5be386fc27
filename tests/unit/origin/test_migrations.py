from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from origin import migrations
from origin.catalogue.engine import Database, sqlite_url
from origin.migrations import migrate
from tests.infra.migrating import upgrade


def test_the_newest_step_is_the_one_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.HERE))
    assert migrations.newest() == set(ScriptDirectory.from_config(config).get_heads())


class Asked(Exception):
    """Alembic was."""


async def test_alembic_is_asked_about_a_catalogue_that_lacks_a_step_and_about_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, older = (Database.open(sqlite_url(tmp_path / f"{name}.db")) for name in ("newest", "older"))
    await migrate(newest)
    async with older.write() as connection:
        await connection.run_sync(upgrade, "0015")

    def refuse(*_: object) -> None:
        raise Asked

    monkeypatch.setattr(command, "upgrade", refuse)
    await migrate(newest)
    with pytest.raises(Asked):
        await migrate(older)
    for database in (newest, older):
        await database.close()

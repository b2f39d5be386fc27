"""`domicile doctor` asks a real PostgreSQL what it writes to its log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.infra import postgres

SECONDS_MAX = 50


@pytest.fixture(scope="module")
def rows(postgres_server: postgres.Server) -> postgres.Rows:
    """A database of its own, which nobody gets back."""
    return postgres.Rows(server=postgres_server, url=postgres_server.database())


def looked(tmp_path: Path, url: str, name: str = "database log") -> tuple[int, dict[str, str], str]:
    done = subprocess.run(
        [sys.executable, "-m", "domicile.cli.main", "doctor", "--json"],
        env={
            **os.environ,
            "DOMICILE_ORIGIN_RECORDS_DATA": str(tmp_path / "data"),
            "DOMICILE_ORIGIN_RECORDS_DATABASE_URL": url,
        },
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)[name], done.stdout + done.stderr


@pytest.mark.system
def test_a_terse_server_is_well_and_one_that_logs_statements_is_not(tmp_path: Path, rows: postgres.Rows) -> None:
    url = rows.url
    _, found, _ = looked(tmp_path, url)
    assert found["level"] == "ok", found
    for setting, loud in {
        "log_error_verbosity": "verbose",
        "log_min_error_statement": "error",
        "log_statement": "all",
        "log_parameter_max_length_on_error": "-1",
    }.items():
        rows.server.ask(url, f"ALTER DATABASE {make_url(url).database} SET {setting} = '{loud}'")
        code, found, _ = looked(tmp_path, url)
        rows.server.ask(url, f"ALTER DATABASE {make_url(url).database} RESET {setting}")
        assert (code, found["level"]) == (1, "fail")
        assert found["text"].startswith(f"{setting} = {loud}: set {setting} = ")


def test_a_server_that_does_not_wait_for_its_disk_is_bad(tmp_path: Path, rows: postgres.Rows) -> None:
    code, found, _ = looked(tmp_path, rows.url, "database disk")
    assert (code, found["level"]) == (1, "fail"), "that of the tests does not"
    assert found["text"] == "fsync = off, full_page_writes = off: set fsync = on, full_page_writes = on"


def test_a_server_that_does_not_answer_is_bad_and_no_password_is_shown(tmp_path: Path) -> None:
    code, found, said = looked(tmp_path, "postgresql+asyncpg://x:s3cret@127.0.0.1:1/x")
    assert (code, found["level"]) == (1, "fail")
    assert "cannot be asked" in found["text"]
    assert "s3cret" not in said

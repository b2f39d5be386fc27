"""Erasing asks first, says what goes, keeps the statement, and never shows the secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner

from domicile.cli import erase as command
from domicile.cli.calls import Answer
from domicile.cli.failure import Failure
from domicile.cli.main import app

URL = "cloudinary://123:s3cret@acme?upload_prefix=http://127.0.0.1:8081&cname=127.0.0.1:8080"


class Origin:
    def __init__(self, assets: list[dict[str, Any]]) -> None:
        self.assets = assets
        self.modes: list[str] = []

    def __call__(self, base: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        assert (base, method, path) == ("http://127.0.0.1:8081", "POST", "/v1_1/acme/erasures")
        assert headers["Authorization"] == "Basic MTIzOnMzY3JldA=="
        mode = parse_qs(body.decode())["mode"][0]
        self.modes.append(mode)
        return Answer(status=200, body={"assets": self.assets} if mode == "dry_run" else {"outcome": "erased"})


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Origin:
    monkeypatch.setenv("CLOUDINARY_URL", URL)
    double = Origin([{"public_id": "cat", "type": "upload", "resource_type": "image", "bytes": 1}])
    monkeypatch.setattr(command, "call_url", double)
    return double


def run(*arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(app, ["erase", *arguments], input=answer)


def test_nothing_goes_without_a_yes(origin: Origin) -> None:
    done = run("--public-id", "cat", answer="n\n")
    assert isinstance(done.exception, Failure)
    assert origin.modes == ["dry_run"]
    assert "image/upload/cat" in done.output


def test_a_yes_erases_and_the_statement_is_kept(origin: Origin, tmp_path: Path) -> None:
    file = tmp_path / "statement.json"
    assert run("--tag", "x", "--statement", str(file), answer="y\n").exit_code == 0
    assert json.loads(file.read_text()) == {"outcome": "erased"}
    assert origin.modes == ["dry_run", "erase"]


def test_a_dry_run_lists_and_touches_nothing(origin: Origin) -> None:
    assert json.loads(run("--asset-id", "a", "--dry-run").output)[0]["public_id"] == "cat"
    assert origin.modes == ["dry_run"]


def test_nothing_that_matches_is_a_failure(origin: Origin) -> None:
    origin.assets = []
    assert "look the same" in str(run("--public-id", "cat", "--yes").exception)


def test_exactly_one_selector_is_asked_for(origin: Origin) -> None:
    assert run().exception.code == 2
    assert run("--tag", "a", "--prefix", "b").exception.code == 2
    assert origin.modes == []


def test_a_bad_url_is_refused_without_showing_it() -> None:
    with pytest.raises(Failure) as failed:
        command.account_of("cloudinary://123:s3cret@acme")
    assert "s3cret" not in str(failed.value)
    assert "s3cret" not in repr(command.account_of(URL))


def test_credentials_come_from_the_data_directory_when_the_variable_is_missing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDINARY_URL", raising=False)
    with pytest.raises(Failure, match="name the data directory"):
        command.credentials(None, data_dir)
    (data_dir / "cloudinary-url").write_text(URL + "\n")
    assert command.credentials(None, data_dir) == URL


def test_a_statement_that_cannot_be_written_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.json"
    file.write_text("old")
    with pytest.raises(Failure, match="above"):
        command.write_statement(file, {"outcome": "erased"})
    assert file.read_text() == "old"

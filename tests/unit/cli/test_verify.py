"""`domicile verify`: what holds, holds; what does not is refused; nobody is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domicile.cli.failure import Failure
from domicile.cli.main import app
from tests.unit.media.test_receipt import KEYS, receipt


def run(directory: Path, made: Any, keys: Any = KEYS, *arguments: str) -> Any:
    for name, value in (("receipt", made), ("keys", keys)):
        (directory / f"{name}.json").write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    command = ["verify", str(directory / "receipt.json"), "--keys", str(directory / "keys.json"), *arguments]
    return CliRunner().invoke(app, command)


def test_a_receipt_that_holds(tmp_path: Path) -> None:
    done = run(tmp_path, receipt())
    assert done.exit_code == 0
    assert "holds" in done.output
    assert "renditions" in done.output
    told = json.loads(run(tmp_path, receipt(), KEYS, "--json").output)
    assert told["outcome"] == "erased"


@pytest.mark.parametrize("made", [{**receipt(), "key_id": "0" * 16}, {}, "not JSON", "[" * 10_000])
def test_one_that_does_not(tmp_path: Path, made: Any) -> None:
    assert code(run(tmp_path, made)) == 1


@pytest.mark.parametrize(
    "keys", [{}, "x", {"statement": {"public_key": "AA=="}, "log": {"name": "a", "public_key": "AA=="}}]
)
def test_keys_that_are_none(tmp_path: Path, keys: Any) -> None:
    assert code(run(tmp_path, receipt(), keys)) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    command = ["verify", str(tmp_path / "none"), "--keys", str(tmp_path / "none")]
    assert code(CliRunner().invoke(app, command)) == 2


def code(done: Any) -> int:
    assert isinstance(done.exception, Failure)
    return done.exception.code

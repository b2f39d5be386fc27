"""Exit codes are part of the interface: 2 for configuration, 1 for failure, and one line that says why."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from domicile.cli.main import app, main

VERBS = ("serve", "edge", "origin", "tenant", "key", "purge", "erase", "doctor")


def test_every_verb_of_the_manual_is_there() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize(
    "path", [["serve"], ["edge"], ["origin"], ["tenant", "create"], ["key", "new"], ["purge"], ["erase"], ["doctor"]]
)
def test_every_verb_takes_a_config_file(path: list[str]) -> None:
    assert "--config" in CliRunner().invoke(app, [*path, "--help"], terminal_width=200).output


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["serve", "--edge", "nowhere"], 2, "serve.edge: 'nowhere'"),
        (["serve", "--region", "us-east", "--data", "/nonexistent/d"], 2, "strict-eu"),
        (["doctor", "--config", "/nonexistent.toml"], 2, "cannot be read"),
        (["tenant", "create", "acme", "--data", "/nonexistent/d"], 1, "no running origin"),
        (["key", "new", "--out", "/nonexistent/k", "--keyid", 'a"b'], 2, "key id"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(
    arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["domicile", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error

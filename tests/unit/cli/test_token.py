"""Keys of tokens go through the operator's door, and a key is shown once, by the command that makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domicile.cli import token as command
from domicile.cli.calls import Answer
from domicile.cli.main import app


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def origin(_door: Path, method: str, path: str, body: Any) -> Answer:
        calls.append((method, path, body))
        known: dict[str, dict[str, Any]] = {
            "": {"id": "1a2b3c4d", "key": "ff" * 32},
            "/list": {"ids": ["1a2b3c4d"]},
            "/retire": {"fenced": True},
        }
        if body.get("id") == "nobody":
            return Answer(status=404, body={"error": {"message": "There is no such token key"}})
        return Answer(status=200, body=known[path.removeprefix(command.PATH)])

    monkeypatch.setattr(command, "call_admin", origin)
    return calls


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["token", *arguments])


def test_a_key_is_made_listed_by_its_id_and_retired(sent: list[Any]) -> None:
    made, listed, retired = run("new", "--cloud", "acme"), run("list", "--cloud", "acme"), run("retire", "1a2b3c4d")
    assert [done.exit_code for done in (made, listed, retired)] == [0, 0, 0], (
        made.output + listed.output + retired.output
    )
    assert "ff" * 32 in made.output
    assert "ff" * 8 not in listed.output
    assert "1a2b3c4d" in listed.output
    assert sent == [
        ("POST", "/_admin/v1/token_keys", {"cloud": "acme"}),
        ("POST", "/_admin/v1/token_keys/list", {"cloud": "acme"}),
        ("POST", "/_admin/v1/token_keys/retire", {"cloud": "demo", "id": "1a2b3c4d"}),
    ]


def test_what_the_origin_does_not_know_is_a_failure(sent: list[Any]) -> None:
    assert run("retire", "nobody").exit_code != 0

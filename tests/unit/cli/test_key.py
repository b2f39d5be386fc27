"""A private key is made with mode 0600, overwrites nothing, and goes away when nobody registered it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domicile.cli import key as command
from domicile.cli.calls import Answer
from domicile.cli.failure import Failure
from domicile.cli.main import app
from domicile.service.signing import new_key, read_key


def test_the_file_is_its_owners_alone_and_no_other_is_overwritten(tmp_path: Path) -> None:
    file, key = tmp_path / "k.pem", new_key("ops-1")
    command.write_private(file, key)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_key(file.read_bytes()).key_id == "ops-1"
    with pytest.raises(Failure, match="exists already"):
        command.write_private(file, new_key("ops-2"))
    link = tmp_path / "link.pem"
    link.symlink_to(tmp_path / "target.pem")
    with pytest.raises(Failure):
        command.write_private(link, key)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["key", *arguments])


def test_only_the_public_half_goes_to_the_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def origin(_data: Path, method: str, path: str, body: Any) -> Answer:
        sent.append((method, path, body))
        return Answer(status=200, body={"not_after": "2027"})

    monkeypatch.setattr(command, "call_admin", origin)
    file = tmp_path / "k.pem"
    done = run("new", "--out", str(file), "--cloud", "acme", "--operations", "tag,url", "--json")
    assert done.exit_code == 0, done.output
    [(method, path, body)] = sent
    assert (method, path) == ("POST", "/_admin/v1/keys")
    assert body["operations"] == ["tag", "url"]
    assert set(body) == {"cloud", "keyid", "public_key", "operations", "days"}
    assert body["public_key"] == read_key(file.read_bytes()).public_base64


def test_a_key_that_the_origin_refuses_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Answer(status=404, body={"error": {"message": "There is no such cloud"}})
    monkeypatch.setattr(command, "call_admin", lambda *_: refusal)
    done = run("new", "--out", str(tmp_path / "k.pem"), "--cloud", "nobody")
    assert isinstance(done.exception, Failure)
    assert "no such cloud" in str(done.exception)
    assert not (tmp_path / "k.pem").exists()


def test_revoking_an_unknown_key_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "call_admin", lambda *_: Answer(status=200, body={"revoked": False}))
    assert isinstance(run("revoke", "ops-1").exception, Failure)

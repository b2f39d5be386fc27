"""What is sent is what was signed, and a key file that others can read is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domicile.cli import purge as command
from domicile.cli.calls import Answer
from domicile.cli.key import write_private
from domicile.cli.main import app
from domicile.service.signing import content_digest, new_key


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "k.pem"
    write_private(file, new_key("ops-1"))
    return file


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["purge", *arguments])


def test_a_call_carries_its_selectors_and_a_signature_over_its_own_body(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    def edge(base: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        sent.append((base, method, path, headers, json.loads(body)))
        assert headers["Content-Digest"] == content_digest(body)
        return Answer(status=200, body={"state": "fenced", "assets": 2})

    monkeypatch.setattr(command, "call_url", edge)
    done = run(
        *("--key", str(key), "--edge", "http://Edge.example:80", "--region", "eu-fr"),
        *("--tag", "a", "--tag", "b", "--prefix", "/demo/image", "--everything"),
    )
    assert done.exit_code == 0, done.output
    assert "purged assets: 2, state: fenced" in done.output
    [(_, method, path, headers, body)] = sent
    assert (method, path) == ("POST", "/_edge/v1/purge")
    assert headers["Host"] == "edge.example"
    assert headers["Edge-Region"] == "eu-fr"
    assert 'keyid="ops-1"' in headers["Signature-Input"]
    assert body["targets"] == [{"tag": "a"}, {"tag": "b"}, {"prefix": "/demo/image"}, {"everything": True}]
    assert "seq" not in body


def test_a_purge_that_edges_have_not_applied_is_pending(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"state": "pending", "assets": 1, "edges": {"waiting": 2}, "seconds_left_max": 28.5}
    monkeypatch.setattr(command, "call_url", lambda *_: Answer(status=200, body=said))
    shown = run("--key", str(key), "--tag", "a").output
    assert "purged" not in shown
    assert "pending" in shown
    assert "edges that may serve old copies: 2, seconds at most: 28.5" in shown


def test_a_refusal_is_told_with_its_reason_and_status(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"error": "place", "message": "This call is for another host"}
    monkeypatch.setattr(command, "call_url", lambda *_: Answer(status=421, body=said))
    assert "place: This call is for another host (status 421)" in str(run("--key", str(key), "--tag", "a").exception)


def test_nothing_to_purge_is_bad_usage(key: Path) -> None:
    assert run("--key", str(key)).exception.code == 2


def test_a_key_that_others_can_read_is_refused(key: Path) -> None:
    key.chmod(0o640)
    assert "chmod 600" in str(run("--key", str(key), "--tag", "a").exception)


@pytest.mark.parametrize(
    "base, authority",
    [("http://H:80", "h"), ("https://h:443", "h"), ("http://h:443", "h:443"), ("http://[::1]:8080", "[::1]:8080")],
)
def test_the_authority_is_lower_case_and_without_the_default_port(base: str, authority: str) -> None:
    assert command.authority_of(base) == authority


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("cname=127.0.0.1:9080", "http://127.0.0.1:9080"),
        ("secure_distribution=media.example&secure=true", "https://media.example"),
        (None, "http://127.0.0.1:8080"),
    ],
)
def test_without_an_address_the_edge_is_the_one_that_the_origin_wrote_down(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, base: str
) -> None:
    bases: list[str] = []

    def edge(base: str, *_: Any) -> Answer:
        bases.append(base)
        return Answer(status=200, body={"state": "fenced"})

    monkeypatch.setattr(command, "call_url", edge)
    if written is not None:
        url = f"cloudinary://key:secret@demo?upload_prefix=http://127.0.0.1:9081&{written}"
        (tmp_path / "cloudinary-url").write_text(url + "\n", "utf-8")
    assert run("--key", str(key), "--data", str(tmp_path), "--everything").exit_code == 0
    assert bases == [base]

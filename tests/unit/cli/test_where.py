"""Where an asset is, as a table or as JSON; and a crawl from its first page to its last, whose differences are an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.console import Console
from typer.testing import CliRunner

from domicile.cli import where as command
from domicile.cli.calls import Answer
from domicile.cli.failure import Failure
from domicile.cli.main import app

URL = "cloudinary://123:s3cret@acme?upload_prefix=http://127.0.0.1:8081"
LINE = {
    "place": "edges",
    "name": "1" * 32,
    "region": "eu-fr",
    "what": "renditions",
    "state": "gone",
    "evidence": "listed",
    "version_id": "a" * 32,
    "since": "2026-11-26T10:00:00Z",
    "until": "2026-11-26T11:00:00Z",
    "why": "evicted",
}
VIEWERS = {
    **LINE,
    "place": "browser caches",
    "name": "",
    "until": None,
    "version_id": None,
    "since": None,
    "seconds_max": 60,
}
PAGE = {"finished": False, "compared": 1000, "unlisted": 0, "phantom": 0, "strangers_at_edges": 0, "examples": []}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[str]]]:
    monkeypatch.setenv("CLOUDINARY_URL", URL)
    monkeypatch.setattr(command, "out", Console(highlight=False, width=300))
    seen: list[dict[str, list[str]]] = []

    def call(base: str, method: str, path: str, headers: dict[str, str], _: bytes) -> Answer:
        assert (base, method) == ("http://127.0.0.1:8081", "GET")
        assert headers["Authorization"] == "Basic MTIzOnMzY3JldA=="
        assert urlsplit(path).path == "/v1_1/acme/places"
        seen.append(parse_qs(urlsplit(path).query))
        return Answer(status=200, body={"asset_id": "i", "places": [LINE, VIEWERS]})

    monkeypatch.setattr(command, "call_url", call)
    return seen


def test_each_place_is_a_line(asked: list[dict[str, list[str]]]) -> None:
    done = CliRunner().invoke(app, ["where", "--public-id", "people/jane"])
    assert done.exit_code == 0, done.output
    assert asked == [{"public_id": ["people/jane"], "resource_type": ["image"], "type": ["upload"]}]
    assert "gone (evicted)" in done.stdout
    assert "60 s at most" in done.stdout
    done = CliRunner().invoke(app, ["where", "--asset-id", "i", "--json"])
    assert json.loads(done.stdout)["places"] == [LINE, VIEWERS]
    assert asked[-1] == {"asset_id": ["i"]}


@pytest.mark.parametrize("words", [[], ["--public-id", "a", "--asset-id", "b"], ["--public-id", "a", "--crawl"]])
def test_one_question_at_a_time(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["where", *words])
    assert isinstance(done.exception, Failure)
    assert done.exception.code == 2


def pages(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    left: Iterator[dict[str, Any]] = iter(answers)

    def call(place: Path, method: str, path: str, body: dict[str, Any]) -> Answer:
        assert (place.name, method, path) == ("admin.sock", "POST", "/_admin/v1/crawl")
        sent.append(dict(body))
        return Answer(status=200, body=next(left))

    monkeypatch.setattr(command, "call_admin", call)
    return sent


def test_a_crawl_goes_to_its_end_and_says_that_all_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent = pages(monkeypatch, PAGE, PAGE, {**PAGE, "finished": True})
    done = CliRunner().invoke(app, ["where", "--crawl", "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert sent == [{"anew": "true"}, {}, {}]
    assert "the same" in done.stdout


@pytest.mark.parametrize("kind", command.DIFFERENCES)
def test_whatever_differs_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    example = {"where": "store", "difference": "phantom", "cloud": "acme", "version_id": "a" * 32}
    for words in ([], ["--json"]):
        pages(monkeypatch, {**PAGE, "finished": True, kind: 1, "examples": [example]})
        done = CliRunner().invoke(app, ["where", "--crawl", "--data", str(tmp_path), *words])
        assert done.exit_code == 3
        assert "a" * 32 in done.stdout

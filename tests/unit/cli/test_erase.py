"""Erasing asks first, says what goes, keeps the statement, and never shows the secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from rich.console import Console
from typer.testing import CliRunner

from domicile.cli import erase as command
from domicile.cli import hold as hold_command
from domicile.cli.calls import Answer
from domicile.cli.erase_table import table_of
from domicile.cli.failure import Failure
from domicile.cli.main import app

URL = "cloudinary://123:s3cret@acme?upload_prefix=http://127.0.0.1:8081&cname=127.0.0.1:8080"


class Origin:
    def __init__(self, assets: list[dict[str, Any]]) -> None:
        self.assets = assets
        self.total: int | None = None
        self.kept = 0
        self.selectors: list[dict[str, str]] = []
        self.modes: list[str] = []
        self.request_ids: list[str] = []
        self.fields: dict[str, str] = {}
        self.state = "sealed"
        self.probe = {"state": "verified", "asked": 6, "given": 0, "tries": 1}
        self.outcomes = ["erased"]
        """Of the erasure, then of each question for it."""

    def __call__(self, base: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        assert base == "http://127.0.0.1:8081"
        assert headers["Authorization"] == "Basic MTIzOnMzY3JldA=="
        if path.startswith("/v1_1/acme/holds"):
            return self._hold(method, path, body)
        if method == "DELETE" or path.endswith("/approve"):
            assert path in {"/v1_1/acme/erasures/e1", "/v1_1/acme/erasures/e1/approve"}
            self.modes.append(method if method == "DELETE" else "POST /approve")
            return self._statement()
        if method == "GET":
            assert path == "/v1_1/acme/erasures/e1"
            self.modes.append("status")
            return self._statement()
        assert (method, path) == ("POST", "/v1_1/acme/erasures")
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.selectors.append({name: value for name, value in fields.items() if name.startswith("selector[")})
        assert len(self.selectors[-1].keys() - {"selector[versions]"}) == 1
        self.modes.append(fields["mode"])
        if fields["mode"] == "dry_run":
            total = len(self.assets) if self.total is None else self.total
            return Answer(status=200, body={"assets": self.assets, "total_count": total, "backups": self.kept})
        self.request_ids.append(fields["request_id"])
        self.fields = fields
        return self._statement()

    def _hold(self, method: str, path: str, body: bytes) -> Answer:
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.modes.append(" ".join([method, *(name for name in fields if name.startswith("selector"))]))
        if method == "GET":
            return Answer(
                status=200,
                body={"holds": [{"hold_id": "h1", "assets": 1, "placed_by": "Legal", "reason": "case"}]},
            )
        assert path == ("/v1_1/acme/holds/h1" if method == "DELETE" else "/v1_1/acme/holds")
        return Answer(status=200, body={"hold_id": "h1", "assets": 1})

    def _statement(self) -> Answer:
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        places = [
            {"place": "edges", "waiting": 2, "seconds_left_max": 30},
            {"place": "cdn shop", "state": "pending", "evidence": "it is busy", "seconds_left_max": 390},
            {"place": "cdn done", "state": "purged", "evidence": "x", "seconds_left_max": 0, "probe": self.probe},
        ]
        body = {"outcome": outcome, "state": self.state, "erasure_id": "e1", "places": places}
        return Answer(status=200, body=body)


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Origin:
    monkeypatch.setenv("CLOUDINARY_URL", URL)
    double = Origin([{"public_id": "cat", "type": "upload", "resource_type": "image", "bytes": 1}])
    monkeypatch.setattr(command, "call_url", double)
    monkeypatch.setattr(hold_command, "call_url", double)
    monkeypatch.setattr(command, "POLL_SECONDS", 0.0)
    return double


def run(*arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(app, ["erase", *arguments], input=answer)


def hold(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["hold", *arguments])


def test_nothing_goes_without_a_yes(origin: Origin) -> None:
    done = run("--public-id", "cat", answer="n\n")
    assert isinstance(done.exception, Failure)
    assert origin.modes == ["dry_run"]
    assert "image/upload/cat" in done.output


def test_a_yes_erases_and_the_statement_is_kept(origin: Origin, tmp_path: Path) -> None:
    file = tmp_path / "statement.json"
    assert run("--tag", "x", "--statement", str(file), answer="y\n").exit_code == 0
    assert json.loads(file.read_text())["outcome"] == "erased"
    assert origin.modes == ["dry_run", "erase"]
    assert len(origin.request_ids[0]) == 32


def test_what_is_under_retention_alone_is_no_nothing(origin: Origin) -> None:
    origin.assets, origin.kept = [], 2
    done = run("--subject", "person-7", answer="n\n")
    assert "Erase 0 asset(s) and 2 version(s) under retention for ever?" in done.output
    assert run("--search", "tags=team", "--versions", "current", "--yes").exit_code == 0
    assert origin.selectors[-1] == {"selector[search]": "tags=team", "selector[versions]": "current"}
    assert origin.selectors[0] == {"selector[subject]": "person-7"}


def test_a_dry_run_lists_and_touches_nothing(origin: Origin) -> None:
    assert json.loads(run("--asset-id", "a", "--dry-run").output)["assets"][0]["public_id"] == "cat"
    assert origin.modes == ["dry_run"]


def test_the_question_says_how_many_go_not_how_many_are_listed(origin: Origin) -> None:
    origin.total = 520
    done = run("--prefix", "p", answer="n\n")
    assert "Erase 520 asset(s)" in done.output
    assert "519 more" in done.output


def test_an_erasure_that_was_given_up_is_over_and_names_the_place_that_is_not_verified(origin: Origin) -> None:
    origin.outcomes, origin.state = ["partial"], "receipted"
    origin.probe = {"state": "failed", "asked": 1, "given": 1, "tries": 9, "why": "it still gave bytes of it away"}
    done = run("--tenant", "acme", "--yes", "--wait", "60")
    assert isinstance(done.exception, Failure)
    assert str(done.exception) == (
        "over, and not verified: cdn done: it still gave bytes of it away. The receipt says so"
    )
    assert origin.modes == ["dry_run", "erase"]  # nothing more comes of asking
    assert origin.selectors[-1] == {"selector[tenant]": "acme"}


def test_what_is_verified_is_waited_for_until_it_has_its_receipt(origin: Origin) -> None:
    origin.state = "verified"
    assert run("--public-id", "cat", "--yes", "--wait", "0.01").exit_code == 0
    assert origin.modes.count("status") > 0


def test_an_erasure_that_is_not_over_is_not_called_erased(origin: Origin) -> None:
    origin.outcomes = ["partial"]
    done = run("--public-id", "cat", "--yes")
    assert isinstance(done.exception, Failure)
    assert done.exception.code == 3
    assert "2 edge(s) may serve old copies for at most 30 s" in str(done.exception)
    assert "30 s; cdn shop is not done (it is busy), for at most 390 s. Ask" in str(done.exception)
    assert "--status e1" in str(done.exception)
    assert "erased;" not in done.output


def test_waiting_follows_the_erasure_until_it_is_over(origin: Origin) -> None:
    origin.outcomes = ["partial", "partial", "erased"]
    assert run("--public-id", "cat", "--yes", "--wait", "60").exit_code == 0
    assert origin.modes == ["dry_run", "erase", "status", "status"]


def test_the_status_of_an_erasure_can_be_asked_for_later(origin: Origin) -> None:
    assert run("--status", "e1").exit_code == 0
    assert origin.modes == ["status"]


def test_a_repeated_request_id_asks_for_the_same_erasure_even_when_nothing_matches_any_more(origin: Origin) -> None:
    origin.assets = []
    assert run("--public-id", "cat", "--request-id", "r1").exit_code == 0
    assert (origin.modes, origin.request_ids) == (["dry_run", "erase"], ["r1"])


def test_a_request_id_does_not_stand_in_for_a_yes(origin: Origin) -> None:
    assert isinstance(run("--public-id", "cat", "--request-id", "r1", answer="n\n").exception, Failure)
    assert origin.request_ids == []


def test_nothing_that_matches_is_a_failure(origin: Origin) -> None:
    origin.assets = []
    assert "look the same" in str(run("--public-id", "cat", "--yes").exception)


def test_exactly_one_selector_is_asked_for(origin: Origin) -> None:
    assert run().exception.code == 2
    assert run("--tag", "a", "--prefix", "b").exception.code == 2
    assert origin.modes == []


def test_what_waits_is_said_with_what_it_waits_for(origin: Origin) -> None:
    origin.outcomes, origin.state = ["waiting"], "restricted"
    done = run("--public-id", "cat", "--yes", "--grace", "60")
    assert isinstance(done.exception, Failure)
    assert done.exception.code == 3
    assert "erased when its grace ends; --cancel before that" in str(done.exception)
    assert origin.fields["grace"] == "60"


def test_an_erasure_is_cancelled_or_approved_by_its_id(origin: Origin) -> None:
    origin.outcomes = ["cancelled"]
    assert run("--cancel", "e1").exit_code == 0
    origin.outcomes = ["erased"]
    assert run("--approve", "e1").exit_code == 0
    assert origin.modes == ["DELETE", "POST /approve"]
    assert run("--cancel", "e1", "--approve", "e1").exception.code == 2


def test_a_restriction_asks_for_itself_and_is_over_when_it_is_restricted(origin: Origin) -> None:
    assert run("--public-id", "cat", "--mode", "restrict", answer="n\n").output.count("to nobody?") == 1
    origin.outcomes = ["restricted"]
    assert run("--public-id", "cat", "--mode", "restrict", "--yes").exit_code == 0
    assert origin.modes == ["dry_run", "dry_run", "restrict"]
    assert run("--public-id", "cat", "--mode", "shred").exception.code == 2
    assert run("--public-id", "cat", "--mode", "restrict", "--grace", "1").exception.code == 2


def test_who_waits_sees_each_place_and_when_it_is_over_at_the_latest() -> None:
    said = {
        "erasure_id": "e1",
        "state": "sealed",
        "bound_seconds": 330,
        "verified_bound_seconds": 400,
        "places": [
            {"place": "origin store", "state": "deleted", "evidence": "gone"},
            {
                "place": "cdn shop",
                "state": "purged",
                "probe": {"state": "pending", "asked": 3, "given": 1, "why": "bytes"},
            },
            {"place": "edges", "state": "pending", "acked": 3, "suspended": 0, "waiting": 2, "seconds_left_max": 30},
        ],
        "residuals": [{"place": "browser caches", "seconds_max": 60}],
        "waits": {"assets": 4, "held": 1},
    }
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table_of(said))
    shown = captured.get()
    for text in ("e1: sealed", "over in 330 s", "2 waited for, 30 s at most", "browser caches", "1 under a hold"):
        assert text in shown
    for text in ("verified in 400 s", "pending, 3 asked, 1 given: bytes"):
        assert text in shown


def test_a_hold_is_placed_listed_and_lifted(origin: Origin) -> None:
    assert "h1" in hold("place", "--tag", "x", "--by", "Legal", "--reason", "case").output
    assert "Legal: case" in hold("list").output
    assert hold("lift", "h1").exit_code == 0
    assert hold("place", "--by", "Legal", "--reason", "case").exception.code == 2
    assert origin.modes == ["POST selector[tag]", "GET", "DELETE"]


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
        command.write(file, {"outcome": "erased"}, "statement")
    assert file.read_text() == "old"

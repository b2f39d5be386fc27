"""A Vault that is slow, sealed, a standby, or lies: played by a server that answers as it is told (the real one: test_port.py)."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from origin.roots.opening import opened_roots
from origin.roots.port import RootKind, RootStore, RootUnavailable
from origin.roots.settings import RootSettings, VaultSettings

NAME = "transit/domicile-root-" + "0a" * 16
THERE = (200, {"data": {"name": "x", "type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False}})
ABSENT: tuple[int, object] = (404, {"errors": []})
Script = Callable[[str, str, int], tuple[int, object]]
"""Method, path and how many calls came before -> status and body."""


@contextmanager
def played(script: Script) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Its URL, and the calls that came."""
    calls: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert self.headers["X-Vault-Token"] == "fictional"
            calls.append((self.command, self.path))
            status, body = script(self.command, self.path, len(calls) - 1)
            raw = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked has gone
                self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def store(
    tmp_path: Path, script: Script, seconds_max: float = 20.0
) -> Iterator[tuple[RootStore, list[tuple[str, str]]]]:
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text("fictional\n")
    with played(script) as (url, calls):
        vault = VaultSettings(url=url, place="eu-de", token_file=token_file, seconds_max=seconds_max)
        roots = opened_roots(RootSettings(kind="vault", vault=vault), tmp_path, region="eu-de")
        yield roots._stores[RootKind.VAULT], calls


@pytest.mark.parametrize("status", [412, 429, 473, 500, 503])
def test_what_may_pass_is_asked_again(tmp_path: Path, status: int) -> None:
    with store(tmp_path, lambda _m, _p, n: (status, {"errors": ["later"]}) if n == 0 else ABSENT) as (vault, calls):
        assert not vault.has(NAME)
        assert len(calls) == 2


def test_a_sealed_one_is_away_after_a_bounded_number_of_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domicile.service.gate.vault.BACK_OFF_SECONDS", 0.001)
    with (
        store(tmp_path, lambda *_: (503, {"errors": ["Vault is sealed"]})) as (vault, calls),
        pytest.raises(RootUnavailable, match="status 503"),
    ):
        vault.has(NAME)
    assert len(calls) == 5


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"errors": ["no handler for route 'transit/keys'"]}),
        (404, "a proxy's page"),
        (403, {"errors": ["permission denied"]}),
        (307, {}),
        (501, {"errors": []}),
    ],
)
def test_only_its_own_word_that_there_is_no_such_key_is_believed(tmp_path: Path, answer: tuple[int, object]) -> None:
    with store(tmp_path, lambda *_: answer) as (vault, calls):
        for ask in (lambda: vault.has(NAME), lambda: vault.destroy(NAME, beside=None)):
            with pytest.raises(RootUnavailable):
                ask()
        assert {method for method, _ in calls} == {"GET"}


def test_a_key_that_is_there_after_it_was_deleted_is_not_called_destroyed(tmp_path: Path) -> None:
    with store(tmp_path, lambda method, *_: THERE if method == "GET" else (204, None)) as (vault, calls):
        with pytest.raises(RootUnavailable, match="still has a root"):
            vault.destroy(NAME, beside=None)
        path = "/v1/" + NAME.replace("transit/", "transit/keys/")
        assert calls == [("GET", path), ("POST", f"{path}/config"), ("DELETE", path), ("GET", path)]


@pytest.mark.parametrize("changed", [{"exportable": True}, {"allow_plaintext_backup": True}, {"type": "rsa-2048"}])
def test_a_key_that_could_leave_is_no_root(tmp_path: Path, changed: dict[str, object]) -> None:
    facts = {"type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False, **changed}
    with (
        store(tmp_path, lambda *_: (200, {"data": facts})) as (vault, _),
        pytest.raises(RootUnavailable, match="can leave it"),
    ):
        vault.create(NAME)


def test_an_answer_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    held = threading.Event()

    def waits(*_: object) -> tuple[int, object]:
        held.wait(30)
        return ABSENT

    with store(tmp_path, waits, seconds_max=0.5) as (vault, calls):
        try:
            with pytest.raises(RootUnavailable, match="time ran out"):
                vault.has(NAME)
        finally:
            held.set()
    assert len(calls) == 1, "the time is that of all tries together"


def test_an_answer_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domicile.service.gate.vault.BACK_OFF_SECONDS", 0.001)
    with (
        store(tmp_path, lambda *_: (200, {"data": {"keys": ["x" * 300_000]}})) as (vault, _),
        pytest.raises(RootUnavailable, match="cannot be reached"),
    ):
        vault.live()

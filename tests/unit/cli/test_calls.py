"""The command's HTTP client: bounded, without redirects, and clear about who did not answer."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domicile.cli import calls
from domicile.cli.calls import call_admin, call_url
from domicile.cli.failure import Failure


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None: ...

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, said = {
            "/bad": (400, b'{"error": {"message": "no such thing"}}'),
            "/flat": (401, b'{"error": "signature"}'),
            "/moved": (302, b""),
            "/text": (200, b"hello"),
            "/large": (200, b"[" + b"1," * 100),
        }.get(self.path, (200, json.dumps({"got": json.loads(body or b"{}"), "host": self.headers["Host"]}).encode()))
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(said)


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def base() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def data() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="d-"))
    (directory / "run").mkdir()
    with UnixServer(os.fspath(directory / "run" / "admin.sock"), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield directory
        server.shutdown()
    shutil.rmtree(directory)


def test_the_operators_socket_takes_json_and_answers_json(data: Path) -> None:
    answer = call_admin(data / "run" / "admin.sock", "POST", "/x", {"cloud": "acme"})
    assert answer.ok
    assert answer.body == {"got": {"cloud": "acme"}, "host": "localhost"}


def test_no_origin_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="start it with `domicile serve`"):
        call_admin(tmp_path / "admin.sock", "POST", "/x", {})


def test_a_socket_without_a_listener_is_said_too() -> None:
    directory = Path(tempfile.mkdtemp(prefix="d-"))
    (directory / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(directory / "run" / "admin.sock"))
    with pytest.raises(Failure, match="does not answer"):
        call_admin(directory / "run" / "admin.sock", "POST", "/x", {})
    shutil.rmtree(directory)


@pytest.mark.parametrize("path, message", [("/bad", "no such thing"), ("/flat", "signature"), ("/moved", "status 302")])
def test_an_error_is_told_in_the_servers_words_and_redirects_are_not_followed(
    base: str, path: str, message: str
) -> None:
    answer = call_url(base, "POST", path, {}, b"{}")
    assert not answer.ok
    assert answer.message == message


def test_an_answer_that_is_no_json_is_empty_and_one_too_large_is_refused(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call_url(base, "POST", "/text", {}, b"").body == {}
    monkeypatch.setattr(calls, "ANSWER_BYTES_MAX", 100)
    with pytest.raises(Failure, match="larger"):
        call_url(base, "POST", "/large", {}, b"")


@pytest.mark.parametrize("bad", ["ftp://h", "h:80", "http://", "http://h/path", "http://h?x=1"])
def test_what_is_no_base_url_is_refused(bad: str) -> None:
    with pytest.raises(Failure, match="not a URL") as failed:
        call_url(bad, "POST", "/", {}, b"")
    assert failed.value.code == 2


def test_the_host_that_was_signed_is_the_host_that_is_sent(base: str) -> None:
    assert call_url(base, "POST", "/x", {"Host": "edge.example"}, b"{}").body["host"] == "edge.example"

"""The command's own HTTP client, on the standard library: one request, one answer, no redirects, everything bounded.

It carries selectors and keys, never media, so it is not part of the gate.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domicile.cli.failure import Failure

CALL_SECONDS_MAX = 60.0
ANSWER_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and the JSON body ({} when the body is no JSON object)."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """What went wrong, in the server's words."""
        error = self.body.get("error", "")
        if isinstance(error, Mapping):
            error = error.get("message", "")
        said = [str(text) for text in (error, self.body.get("message", "")) if text]
        return ": ".join(said) or f"status {self.status}"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CALL_SECONDS_MAX)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def call_admin(place: Path, method: str, path: str, body: Mapping[str, Any]) -> Answer:
    """Call an origin's operator socket. Raises Failure when nobody listens there."""
    try:
        return _exchange(_UnixConnection(place), method, path, _JSON, json.dumps(body).encode())
    except FileNotFoundError as absent:
        raise Failure(f"no running origin at {place}: start it with `domicile serve` or `domicile origin`") from absent
    except (OSError, http.client.HTTPException) as broken:
        raise Failure(f"the origin at {place} does not answer ({type(broken).__name__})") from broken


def call_url(base: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Call a tier under its http(s) base URL. Raises Failure when it does not answer."""
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
        raise Failure(f"{base!r} is not a URL like http://127.0.0.1:8080", 2)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=CALL_SECONDS_MAX, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=CALL_SECONDS_MAX)
    try:
        return _exchange(connection, method, path, headers, body)
    except (OSError, http.client.HTTPException) as broken:
        raise Failure(f"{base} does not answer ({type(broken).__name__})") from broken


_JSON = {"Content-Type": "application/json"}


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        raw = response.read(ANSWER_BYTES_MAX + 1)
        if len(raw) > ANSWER_BYTES_MAX:
            raise Failure("the answer is larger than this command reads")
        try:
            said = json.loads(raw)
        except ValueError:
            said = {}
        return Answer(status=response.status, body=said if isinstance(said, dict) else {})
    finally:
        connection.close()

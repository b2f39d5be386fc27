"""A web server elsewhere, on loopback: what lies there can be changed, and it counts who asked for what, or was told what."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Elsewhere:
    """`pages`: path -> (status, headers, body)."""

    port: int = 0
    scheme: str = "http"
    pages: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    """What was sent with POST: path, headers, body."""

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Returns the address."""
        self.pages[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        return self.address(path)

    def address(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def wait_until_told(self, times: int, seconds_max: float = 30.0) -> None:
        until = time.monotonic() + seconds_max
        while len(self.told) < times:
            assert time.monotonic() < until, f"told {len(self.told)} times of {times}"
            time.sleep(0.02)


@contextmanager
def running_elsewhere(tls: ssl.SSLContext | None = None) -> Iterator[Elsewhere]:
    there = Elsewhere(scheme="http" if tls is None else "https")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.told.append((self.path, dict(self.headers), body))
            self._answer()

        def _answer(self) -> None:
            status, headers, body = there.pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    there.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

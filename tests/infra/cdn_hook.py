"""What an operator runs beside a Varnish to have it purged by webhooks, and a way from it to an edge on which an answer can be held.

Both misbehave on demand. Signatures are judged here anew, by the words of Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "a-secret-of-the-operator"
PATH = "hooks/purge"
AGE_SECONDS_MAX = 300.0
WAIT_SECONDS_MAX = 30.0
_OF_A_CONNECTION = frozenset({"connection", "transfer-encoding", "keep-alive", "host"})


@dataclass
class Hook:
    """Purges the Varnish on `varnish_port`, once there is one, by the tags that it is told."""

    port: int = 0
    varnish_port: int = 0
    calls: list[frozenset[str]] = field(default_factory=list)
    """Tags of each call with a good signature."""
    strangers: int = 0
    """Calls without one."""
    refuses: bool = False
    lies: list[Callable[[], None]] = field(default_factory=list)
    """What is done at the next calls instead of a purge, which are then said to be done."""

    def about(self, tags: frozenset[str]) -> int:
        """How many calls there were for any of these."""
        return sum(bool(tags & called) for called in self.calls)

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        stamp = headers.get("webhook-timestamp", "0")
        signed = b".".join([headers.get("webhook-id", "").encode(), stamp.encode(), body])
        wanted = "v1," + base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        is_fresh = abs(time.time() - int(stamp)) < AGE_SECONDS_MAX
        if not is_fresh or not hmac.compare_digest(headers.get("webhook-signature", ""), wanted):
            self.strangers += 1
            return 401, b""
        tags = json.loads(body)["data"]["tags"]
        self.calls.append(frozenset(tags))
        if self.refuses:
            return 403, b""
        if self.lies:
            self.lies.pop(0)()
        elif self.varnish_port:
            varnish = http.client.HTTPConnection("127.0.0.1", self.varnish_port, timeout=WAIT_SECONDS_MAX)
            varnish.request("PURGE", "/", headers={"xkey": " ".join(tags)})
            assert varnish.getresponse().status == 200
            varnish.close()
        return 200, json.dumps({"id": f"purge-{len(self.calls)}"}).encode()


@dataclass
class Way:
    """Passes what a cache asks on to an edge; an answer for `held` stays here, whole, until it is let go."""

    edge_port: int
    port: int = 0
    held: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        edge = http.client.HTTPConnection("127.0.0.1", self.edge_port, timeout=WAIT_SECONDS_MAX)
        kept = {name: value for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION}
        edge.request("GET", path, headers={**kept, "Host": headers.get("host", "")})
        response = edge.getresponse()
        told = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_A_CONNECTION]
        status, body = response.status, response.read()
        edge.close()
        if path == self.held:
            self.arrived.set()
            assert self.go.wait(WAIT_SECONDS_MAX)
        return status, told, body


@contextmanager
def running_hook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, said = hook.answer({name.lower(): value for name, value in self.headers.items()}, body)
            self.reply(status, [("Content-Length", str(len(said)))], said)

    with _serving(Handler) as hook.port:
        yield hook


@contextmanager
def running_way(edge_port: int) -> Iterator[Way]:
    way = Way(edge_port)

    class Handler(_Quiet):
        def do_GET(self) -> None:
            self.reply(*way.answer(self.path, {name.lower(): value for name, value in self.headers.items()}))

    with _serving(Handler) as way.port:
        yield way


class _Quiet(BaseHTTPRequestHandler):
    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving(handler: type[_Quiet]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

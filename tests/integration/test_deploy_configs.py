"""The configurations in `deploy/` are ones that the programs take, and send a picture to one edge."""

from __future__ import annotations

import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.infra.cdn import DEPLOY, balancer, nginx_words, require, written_nginx

SECONDS_MAX = 60.0


def checked(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", ["cdn/nginx.conf", "balance/nginx.conf"])
def test_nginx_takes_ours(tmp_path: Path, path: str) -> None:
    program = require("nginx")
    configuration = written_nginx((DEPLOY / path).read_text("utf-8"), tmp_path)
    checked([program, "-t", "-q", *nginx_words(tmp_path, configuration)])


def test_varnish_takes_ours(tmp_path: Path) -> None:
    checked([require("varnishd"), "-C", "-n", str(tmp_path / "v"), "-f", str(DEPLOY / "cdn" / "varnish.vcl")])


def test_haproxy_takes_ours() -> None:
    checked([require("haproxy"), "-c", "-f", str(DEPLOY / "balance" / "haproxy.cfg")])


def test_envoy_routes_to_what_is_there() -> None:
    text = (DEPLOY / "balance" / "envoy.yaml").read_text("utf-8")
    resources = YAML(typ="safe").load(text)["static_resources"]
    assert set(re.findall(r"cluster(?:_name)?: (\w+)", text)) == {cluster["name"] for cluster in resources["clusters"]}
    assert all("typed_config" in each for each in resources["listeners"][0]["filter_chains"][0]["filters"])


class _Named(BaseHTTPRequestHandler):
    """Answers with its server's port."""

    def do_GET(self) -> None:
        body = str(self.connection.getsockname()[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Edge:
    """As far as a balancer sees one."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Named)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def edges() -> Iterator[tuple[_Edge, _Edge]]:
    with ExitStack() as held:
        first, second = _Edge(), _Edge()
        for edge in (first, second):
            held.callback(edge.end)
        yield first, second


def edge_of(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/demo/image/upload/{path}", timeout=SECONDS_MAX) as reply:
        return int(reply.read())


@pytest.mark.parametrize("name", ["nginx", "haproxy", "envoy"])
def test_a_picture_goes_to_one_edge_whatever_its_version_and_query_and_to_the_other_when_that_dies(name: str) -> None:
    with edges() as (first, second), balancer(name, (first.port, second.port)) as port:
        chosen: list[int] = []
        for n in range(24):
            asked = {edge_of(port, path) for path in (f"w_{n}/pic", f"w_{n}/v1/pic", f"w_{n}/v1795673162/pic?_a=x")}
            assert len(asked) == 1
            chosen += asked
        assert set(chosen) == {first.port, second.port}
        first.end()
        assert {edge_of(port, f"w_{n}/pic") for n in range(24)} == {second.port}  # from the first request on

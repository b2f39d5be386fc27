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
    """Envoy itself is in no distribution that the tests can install from: its schema is not checked here."""
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


@contextmanager
def edges() -> Iterator[tuple[int, int]]:
    with ExitStack() as held:
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Named) for _ in range(2)]
        for server in servers:
            held.callback(server.server_close)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            held.callback(server.shutdown)
        yield servers[0].server_port, servers[1].server_port


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_a_picture_goes_to_one_edge_whatever_its_version_and_query(name: str) -> None:
    def edge_of(port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/demo/image/upload/{path}", timeout=SECONDS_MAX) as reply:
            return str(reply.read().decode())

    with edges() as ports, balancer(name, ports) as port:
        chosen: list[str] = []
        for n in range(24):
            asked = {edge_of(port, path) for path in (f"w_{n}/pic", f"w_{n}/v1/pic", f"w_{n}/v1795673162/pic?_a=x")}
            assert len(asked) == 1
            chosen += asked
        assert set(chosen) == {str(each) for each in ports}

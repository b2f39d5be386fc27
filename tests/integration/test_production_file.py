"""One TOML file, two processes as a service manager starts them, and every verb of the command against them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.origin_process import wait_until

READY_SECONDS_MAX = 40.0
VERB_SECONDS_MAX = 50

CONFIGURATION = """
[edge]
listen = "127.0.0.1:{edge}"
data_dir = "{place}/edge"
workers = 1
[edge.origin]
base = "unix:{place}/wire.sock"

[origin]
listen = "127.0.0.1:{api}"
delivery_base = "http://127.0.0.1:{edge}"
wire_socket = "{place}/wire.sock"
admin_socket = "{place}/admin.sock"
demo = true
[origin.records]
data = "{place}/origin"
keys = "{place}/keyring"
"""


@dataclass
class Node:
    place: Path
    edge_port: int

    @property
    def config(self) -> Path:
        return self.place / "domicile.toml"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "CLOUDINARY_URL"}
        return subprocess.run(
            [sys.executable, "-m", "domicile.cli.main", *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=VERB_SECONDS_MAX,
            check=False,
        )

    def status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.edge_port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status
        except OSError:
            return 0
        finally:
            connection.close()


@contextmanager
def tier(node: Node, name: str) -> Iterator[subprocess.Popen[bytes]]:
    with (node.place / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "domicile.cli.main", name, "--config", str(node.config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (node.place / f"{name}.log").read_text()


@pytest.fixture(scope="module")
def node(free_ports: Callable[[int], list[int]]) -> Iterator[Node]:
    place = Path(tempfile.mkdtemp(prefix="domicile-", dir="/tmp"))  # short enough for sockets
    edge_port, api_port = free_ports(2)
    node = Node(place, edge_port)
    node.config.write_text(CONFIGURATION.format(place=place, edge=edge_port, api=api_port))
    try:
        with tier(node, "origin") as origin, tier(node, "edge") as edge:

            def ready() -> bool:
                assert origin.poll() is None, (place / "origin.log").read_text()
                assert edge.poll() is None, (place / "edge.log").read_text()
                return node.status("/readyz") == 200

            wait_until(ready, READY_SECONDS_MAX)
            yield node
    finally:
        shutil.rmtree(place)


def test_a_cloud_is_created(node: Node) -> None:
    made = node.run("tenant", "create", "acme", "--json")
    assert made.returncode == 0, made.stderr
    assert "@acme?" in json.loads(made.stdout)["cloudinary_url"]
    assert (node.place / "origin" / "policies" / "acme.toml").is_file()


def test_a_key_is_made_purges_and_is_revoked(node: Node) -> None:
    key = node.place / "purge.pem"
    made = node.run("key", "new", "--out", str(key), "--json")
    assert made.returncode == 0, made.stderr
    purged = node.run("purge", "--key", str(key), "--public-id", "sample", "--json")
    assert purged.returncode == 0, purged.stderr
    assert json.loads(purged.stdout)["assets"] == 1
    assert node.run("key", "revoke", json.loads(made.stdout)["keyid"]).returncode == 0
    assert node.run("purge", "--key", str(key), "--public-id", "sample").returncode == 1


def test_an_asset_is_erased(node: Node) -> None:
    assert node.status("/demo/image/upload/w_20/sample") == 200
    erased = node.run("erase", "--public-id", "sample", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert node.status("/demo/image/upload/w_20/sample") == 404


def test_the_doctor_looks_where_the_file_says(node: Node) -> None:
    looked = node.run("doctor", "--json")
    found = json.loads(looked.stdout)
    assert found["keys"] == {"level": "ok", "text": f"{node.place / 'keyring'}, mode 0700, outside origin"}
    assert found["cache region"] == {"level": "ok", "text": "bound to eu-de"}
    assert found["policies"]["level"] == "ok"
    assert found["policies"]["text"] != "0 read without fault"


def test_serve_refuses_a_file_that_starts_the_tiers_apart(node: Node) -> None:
    refused = node.run("serve")
    assert refused.returncode == 2
    assert "not allowed with `domicile serve`; set serve." in " ".join(refused.stderr.split())

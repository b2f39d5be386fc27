"""npm's `cloudinary` and `@cloudinary/url-gen`, unmodified, over https as they default to, against `domicile serve`.

The package on npm carries no tests of its own, so these are ours: what people do with it (tests/sdk/node).
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack, is_first
from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.sdk import files, node_run

SCENARIOS, URLS = 17, 13
"""Tests in each file: a run of none is not taken for a green one."""
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
RELOAD_SECONDS_MAX = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def installed() -> Path:
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install nodejs npm")
    try:
        return node_run.packages()
    except (OSError, subprocess.SubprocessError) as failed:
        pytest.skip(f"{', '.join(node_run.PACKAGES)} cannot be fetched: {type(failed).__name__}")


@pytest.fixture(scope="module")
def receiver_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def stack(authority: Authority, installed: Path, receiver_port: int, canaries: Canaries) -> Iterator[Stack]:
    place = authority.directory
    certificate, key = authority.issue("domicile", LOOPBACK)
    data = place / "data"
    (data / "policies").mkdir(parents=True, mode=0o700)
    (data / "policies" / "demo.toml").write_text(
        'tenant = "demo"\n[zones]\negress_webhook = ["eu-de"]\n'
        f'[notifications]\nhosts = ["127.0.0.1:{receiver_port}"]\n'
    )
    running = Stack(
        data,
        workers=1,
        tls=(certificate, key, place / "authority.pem"),
        environment={"DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS": "127.0.0.1"},
    )
    running.start()
    with canaries.over(running):
        yield running
    assert running.exit_code == 0, running.log_tail()


def environment(stack: Stack, directory: Path, canaries: Canaries) -> dict[str, str]:
    assert stack.tls is not None
    files.lay_out(directory)
    return {
        "CLOUDINARY_URL": stack.cloudinary_url,
        "NODE_EXTRA_CA_CERTS": str(stack.tls[2]),
        "FILES": str(directory),
        "PREFIX": canaries.name("node"),
        "DELIVERY": f"127.0.0.1:{stack.edge_port}",
    }


def test_npm_cloudinary_does_what_people_do_with_it(
    stack: Stack, installed: Path, tmp_path: Path, receiver_port: int, canaries: Canaries
) -> None:
    assert "upload_prefix=https://" in stack.cloudinary_url
    passed, said = node_run.run(
        "scenarios.test.cjs",
        installed,
        tmp_path,
        {**environment(stack, tmp_path, canaries), "RECEIVER_PORT": str(receiver_port)},
    )
    print(said)
    assert passed == SCENARIOS


def test_urls_of_url_gen_are_delivered(stack: Stack, installed: Path, tmp_path: Path, canaries: Canaries) -> None:
    given = {**environment(stack, tmp_path, canaries), "NAMED": f"t{uuid.uuid4().hex[:8]}"}
    prepared = """
        const cloudinary = require('cloudinary').v2
        cloudinary.uploader.upload(process.env.FILES + '/logo.png', { public_id: process.env.PREFIX + '/logo' })
            .then(() => cloudinary.api.create_transformation(process.env.NAMED, { width: 33, crop: 'scale' }))
    """
    subprocess.run(
        ["node", "-e", prepared],
        cwd=installed,
        env={**given, "PATH": os.environ["PATH"]},
        check=True,
        timeout=60,
    )
    passed, said = node_run.run("urls.test.mjs", installed, tmp_path, given)
    print(said)
    assert passed == URLS


def test_there_is_no_plaintext_where_there_is_tls(stack: Stack) -> None:
    for port in (stack.edge_port, stack.api_port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.request("GET", "/healthz")
            connection.getresponse()
        connection.close()


def test_both_tiers_take_a_new_certificate_on_sighup(stack: Stack, authority: Authority) -> None:
    assert stack.tls is not None
    certificate, key, believed = stack.tls
    context = ssl.create_default_context(cafile=believed)
    ports = (stack.edge_port, stack.api_port)

    def shown(port: int) -> object:
        """The number of its certificate. A connection waits while the only worker is replaced."""
        plain = socket.create_connection(("127.0.0.1", port), RELOAD_SECONDS_MAX)
        with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            return (tls.getpeercert() or {})["serialNumber"]

    before = [shown(port) for port in ports]
    for old, new in zip((certificate, key), authority.issue("renewed", LOOPBACK), strict=True):
        old.write_bytes(new.read_bytes())
    (origin,) = filter(is_first, stack.processes("origin"))
    (supervisor,) = (pid for pid in stack.processes("edge") if not PARTS & words_of(pid))
    for pid in (origin, supervisor):
        os.kill(pid, signal.SIGHUP)
    until = time.monotonic() + RELOAD_SECONDS_MAX
    while any(shown(port) == old for port, old in zip(ports, before, strict=True)):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert shown(ports[0]) == shown(ports[1])


PARTS = {b"worker", b"agent"}
"""Of the edge, beside its supervisor."""


def words_of(pid: int) -> set[bytes]:
    return set(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))

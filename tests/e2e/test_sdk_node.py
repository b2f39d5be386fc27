"""npm's `cloudinary` and `@cloudinary/url-gen`, unmodified, over https as they default to, against `domicile serve`.

The package on npm carries no tests of its own, so these are ours: what people do with it (tests/sdk/node).
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack, free_port
from tests.infra.authority import Authority
from tests.sdk import files, node_run

SCENARIOS, URLS = 16, 13
"""Tests in each file: a run of none is not taken for a green one."""

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
def stack(
    tmp_path_factory: pytest.TempPathFactory, installed: Path, receiver_port: int, canaries: Canaries
) -> Iterator[Stack]:
    place = tmp_path_factory.mktemp("tls")
    authority = Authority.make(place, "authority")
    certificate, key = authority.issue("domicile", x509.IPAddress(ip_address("127.0.0.1")))
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

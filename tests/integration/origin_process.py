"""A really running `python -m origin` on free ports, for tests that drive it from outside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO

from tests.infra import preloaded
from tests.infra.migrating import begin

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
EDGE = "127.0.0.1:18080"
"""Where delivery URLs point; nothing listens there."""
PYTEST = "PYTEST_VERSION"
"""A variable that pytest sets. What runs for hours or measures (`tests.soak`, `tests.chaos`, `benchmarks`) does not have it."""


@dataclass(slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict:
        loaded = json.loads(self.body)
        assert isinstance(loaded, dict)
        return loaded


@dataclass(slots=True)
class OriginProcess:
    directory: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | preloaded.Preloaded | None = None
    port: int = 0
    anew: bool = field(default_factory=lambda: PYTEST not in os.environ)
    """As a user's does, and not as a fork of one that has imported everything (tests/infra/preloaded.py)."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket(self) -> Path:
        return self.directory / "origin.sock"

    @property
    def admin_socket(self) -> Path:
        return self.directory / "admin.sock"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self, seconds_max: float = START_SECONDS_MAX) -> None:
        environment = {
            **os.environ,
            "DOMICILE_ORIGIN_LISTEN": "127.0.0.1:0",
            "DOMICILE_ORIGIN_DEMO": "true",
            "DOMICILE_ORIGIN_DELIVERY_BASE": f"http://{EDGE}",
            "DOMICILE_ORIGIN_RECORDS_DATA": str(self.data),
            "DOMICILE_ORIGIN_WIRE_SOCKET": str(self.socket),
            "DOMICILE_ORIGIN_ADMIN_SOCKET": str(self.admin_socket),
            **self.environment,
        }
        if "DOMICILE_ORIGIN_RECORDS_DATABASE_URL" not in environment:
            begin(Path(environment["DOMICILE_ORIGIN_RECORDS_DATA"]))
        with self.log.open("ab") as log:
            self.process = self._begun(environment, log)
        assert self.process.stdout is not None
        timer = threading.Timer(seconds_max, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        assert line, self.log.read_text()
        self.port = int(json.loads(line)["api"].rsplit(":", 1)[1])

    def _begun(self, environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes] | preloaded.Preloaded:
        if not self.anew:
            return preloaded.origin(environment, log)
        return subprocess.Popen(
            [sys.executable, "-m", "origin"],
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=Path(__file__).parents[2],
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(how)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return code

    @property
    def cloudinary_url(self) -> str:
        return (self.data / "cloudinary-url").read_text("utf-8").strip()

    @property
    def credentials(self) -> tuple[str, str]:
        key, _, rest = self.cloudinary_url.removeprefix("cloudinary://").partition(":")
        return key, rest.split("@", 1)[0]

    def sdk(self) -> ModuleType:
        """The official SDK, configured from CLOUDINARY_URL alone."""
        import cloudinary
        import cloudinary.api
        import cloudinary.uploader

        os.environ["CLOUDINARY_URL"] = self.cloudinary_url
        cloudinary.reset_config()
        module: ModuleType = cloudinary
        return module

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """One request on a fresh connection, the path as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Reply(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()


@contextmanager
def running_origin(directory: Path, **environment: str) -> Iterator[OriginProcess]:
    with running(OriginProcess(directory, environment)) as origin:
        yield origin


@contextmanager
def running(origin: OriginProcess) -> Iterator[OriginProcess]:
    origin.start()
    try:
        yield origin
    finally:
        if origin.process is not None:
            origin.stop()


def wait_until(condition, seconds_max: float = 10.0) -> None:
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

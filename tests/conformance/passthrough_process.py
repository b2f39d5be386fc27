"""An edge node of real processes that serves nothing but a passthrough: it has no origin of media, and needs none for that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.conformance.suite import START_SECONDS_MAX, wait_for
from tests.infra.ports import free_port

ROOT = Path(__file__).parents[2]
STOP_SECONDS_MAX = 30.0


class PassthroughProcess:
    """`python -m edge --passthrough`; `settings` are those of `edge.…`, by their names as environment variables."""

    def __init__(self, directory: Path, origin_port: int, *, workers: int = 1, **settings: str) -> None:
        self.port = free_port()
        self.origin_port = origin_port
        self.workers = workers
        self.log = directory / "edge.log"
        directory.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "DOMICILE_EDGE_LISTEN": "127.0.0.1:0",
            "DOMICILE_EDGE_WORKERS": str(workers),
            "DOMICILE_EDGE_DATA_DIR": str(directory / "data"),
            "DOMICILE_EDGE_RUN_DIR": str(directory / "run"),
            "DOMICILE_EDGE_CACHE_DISK_BYTES_MAX": "0",
            "DOMICILE_EDGE_ORIGIN_BASE": f"unix:{directory / 'nobody.sock'}",
            **{f"DOMICILE_EDGE_{name.upper()}": value for name, value in settings.items()},
        }
        route = f"127.0.0.1:{self.port}=http://127.0.0.1:{origin_port}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "edge", "--passthrough", route],
                cwd=ROOT, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listening(self) -> list[psutil.Process]:
        """The workers that listen to each other; the port they have in common is open as long as the node is."""
        return [
            child
            for child in psutil.Process(self.pid).children(recursive=True)
            if any("pass-0-" in str(one.laddr) for one in child.net_connections("unix"))
        ]

    def __enter__(self) -> Self:
        """All workers serve: one that is not there yet cannot own a URL."""
        try:
            wait_for(self.port, self._process)
            until = time.monotonic() + START_SECONDS_MAX
            while self.workers > 1 and len(self.listening()) < self.workers:
                assert time.monotonic() < until, "not all workers listen"
                time.sleep(0.05)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

"""An edge node of real processes that serves nothing but a passthrough: it has no origin of media, and needs none for that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conformance.suite import free_port, wait_for

ROOT = Path(__file__).parents[2]
STOP_SECONDS_MAX = 30.0


class PassthroughProcess:
    """`python -m edge --passthrough`; `settings` are those of `edge.…`, by their names as environment variables."""

    def __init__(self, directory: Path, origin_port: int, *, workers: int = 1, **settings: str) -> None:
        self.port = free_port()
        self.origin_port = origin_port
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

    def __enter__(self) -> Self:
        wait_for(self.port, self._process)
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

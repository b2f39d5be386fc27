"""sharp, from npm, behind a small server in Node."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peer import QUALITY, HttpPeer, Installed, Task, run
from tests.infra.ports import free_port

PACKAGE = "sharp@^0.35"
SERVER = Path(__file__).with_name("sharp_server.mjs")


class Sharp:
    name = "sharp"

    def start(self, sources: Path, installed: Installed) -> None:
        home = installed.home("sharp", lambda home: run(["npm", "install", "--no-audit", "--no-fund", PACKAGE], home))
        port = free_port()
        self._server = HttpPeer.start(["node", str(SERVER), str(port), str(sources)], port, home, "/up")

    def make(self, task: Task, width: int) -> bytes:
        return self._server.get(f"/{task.source}?w={width}&f={task.extension}&q={QUALITY[task.extension]}")

    def pids(self) -> list[int]:
        return self._server.pids()

    def stop(self) -> None:
        self._server.stop()

"""thumbor, from PyPI, in an environment of its own: one process, files from a directory, nothing stored."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peer import QUALITY, HttpPeer, Installed, Task, python_of
from tests.infra.ports import free_port

CONFIGURATION = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {sources!r}
STORAGE = "thumbor.storages.no_storage"
RESULT_STORAGE = None
ALLOW_UNSAFE_URL = True
QUALITY = 80
PROGRESSIVE_JPEG = False
AVIF_SPEED = 9
FILTERS = ["thumbor.filters.format", "thumbor.filters.quality"]
"""
NAMES = {"jpg": "jpeg"}


class Thumbor:
    name = "thumbor"

    def start(self, sources: Path, installed: Installed) -> None:
        python = python_of(installed, "thumbor", "thumbor>=7.7")
        configuration = python.parent.parent / "thumbor.conf"
        configuration.write_text(CONFIGURATION.format(sources=str(sources)), "utf-8")
        port = free_port()
        command = [str(python.parent / "thumbor"), "-i", "127.0.0.1", "-p", str(port), "-c", str(configuration)]
        self._server = HttpPeer.start(command, port, python.parent.parent, "/healthcheck")

    def make(self, task: Task, width: int) -> bytes:
        kind, quality = NAMES.get(task.extension, task.extension), QUALITY[task.extension]
        return self._server.get(f"/unsafe/{width}x0/filters:format({kind}):quality({quality})/{task.source}")

    def pids(self) -> list[int]:
        return self._server.pids()

    def stop(self) -> None:
        self._server.stop()

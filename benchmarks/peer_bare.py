"""Bare libraries in a process of their own, asked through a pipe: no server, nothing to wait for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.load import children
from benchmarks.peer import QUALITY, Absent, Installed, Task, python_of

LOOP = Path(__file__).with_name("bare_loop.py")
PACKAGES = {"libvips": ("pyvips[binary]>=3",)}
"""Pillow is there: Domicile uses it."""


class Bare:
    def __init__(self, name: str) -> None:
        self.name = name

    def start(self, sources: Path, installed: Installed) -> None:
        self._sources = sources
        packages = PACKAGES.get(self.name)
        python = python_of(installed, self.name, *packages) if packages else Path(sys.executable)
        self._process = subprocess.Popen(
            [str(python), str(LOOP), self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "VIPS_CONCURRENCY": "1"},
        )

    def make(self, task: Task, width: int) -> bytes:
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        words = (str(self._sources / task.source), str(width), task.extension, str(QUALITY[task.extension]))
        asked.write(("\t".join(words) + "\n").encode())
        asked.flush()
        length = told.read(8)
        if len(length) < 8:
            raise Absent("its process ended")
        return told.read(int.from_bytes(length, "big"))

    def pids(self) -> list[int]:
        return [self._process.pid, *children(self._process.pid)]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

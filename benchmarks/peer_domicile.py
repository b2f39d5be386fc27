"""Domicile itself: `domicile serve`, both tiers and all their processes, each picture asked for in a new width."""

from __future__ import annotations

from pathlib import Path

from benchmarks.load import children
from benchmarks.measured import MeasuredStack
from benchmarks.peer import QUALITY, Installed, Task


class Domicile:
    name = "domicile"

    def __init__(self, work: Path, results: Path) -> None:
        self.stack = MeasuredStack(work / "transforms", workers=1, results=results)

    def start(self, sources: Path, installed: Installed) -> None:
        self.stack.start()
        for file in sources.iterdir():
            with file.open("rb") as body:
                self.stack.sdk().uploader.upload(body, public_id=file.stem)

    def make(self, task: Task, width: int) -> bytes:
        name, quality = Path(task.source).stem, QUALITY[task.extension]
        reply = self.stack.get(f"/demo/image/upload/c_scale,w_{width},q_{quality}/v1/{name}.{task.extension}")
        assert reply.status == 200, reply.headers
        assert reply.cache.startswith("fwd="), "it was cached"
        return reply.body

    def pids(self) -> list[int]:
        assert self.stack.process is not None
        return [self.stack.process.pid, *children(self.stack.process.pid)]

    def stop(self) -> None:
        self.stack.stop()

"""A stack whose `/metrics` are kept beside the results: what the server counted, before and after."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stack import Stack


@dataclass(slots=True)
class MeasuredStack(Stack):
    results: Path = Path("results")

    def start(self) -> None:
        Stack.start(self)
        self._keep("before")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self._keep("after")
        Stack.stop(self, how)

    def _keep(self, when: str) -> None:
        self.results.mkdir(parents=True, exist_ok=True)
        for tier, reply in (("edge", self.get("/metrics")), ("origin", self.api("GET", "/metrics"))):
            (self.results / f"{self.data.name}-{tier}-{when}.prom").write_bytes(reply.body)

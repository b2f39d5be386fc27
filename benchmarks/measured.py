"""A stack whose `/metrics` are kept beside the results: what the server counted, before and after."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.e2e.stack import Stack

RESULTS = Path(__file__).parent / "results"


class MeasuredStack(Stack):
    def start(self) -> None:
        super().start()
        self._scrape("before")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self._scrape("after")
        super().stop(how)

    def _scrape(self, when: str) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        for tier, reply in (("edge", self.get("/metrics")), ("origin", self.api("GET", "/metrics"))):
            (RESULTS / f"{self.data.name}-{tier}-{when}.prom").write_bytes(reply.body)

"""A stack whose `/metrics` are read around every run, and kept beside the results from before and after all of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scrape import Scrape
from edge.exporter import SCRAPE_SECONDS
from tests.e2e.stack import Stack

MARGIN_SECONDS = 0.1
NOTHING = Scrape({}, frozenset())


@dataclass(slots=True)
class Counted:
    """What the edge and the origin counted during one run; filled in at its end."""

    edge: Scrape = NOTHING
    origin: Scrape = NOTHING

    @property
    def memory_hits(self) -> int:
        """Answers from RAM that went well."""
        return round(self.edge.total("domicile_edge_requests_total", route="delivery", cache="memory", status="2xx"))

    @property
    def hits(self) -> int:
        """Answers from any tier of the node that went well."""
        tiers = ("memory", "disk", "peer")
        told = (
            self.edge.total("domicile_edge_requests_total", route="delivery", cache=tier, status="2xx")
            for tier in tiers
        )
        return round(sum(told))

    @property
    def fills(self) -> int:
        return round(self.edge.total("domicile_edge_fills_total"))

    @property
    def made(self) -> int:
        """Fills that brought something: an edge that asks itself for what was erased begins one that does not."""
        return self.fills - round(self.edge.total("domicile_edge_fills_total", result="failed"))

    @property
    def purges(self) -> int:
        """Calls that were done."""
        return round(self.edge.total("domicile_edge_requests_total", route="purge", status="2xx"))

    @property
    def killed(self) -> int:
        """Decoders that were killed or died, in both tiers."""
        at_edge = self.edge.total("domicile_edge_transforms_total", result="killed")
        return round(at_edge + self.origin.total("domicile_origin_pool_kills_total"))

    @property
    def transforms(self) -> int:
        return round(self.edge.total("domicile_edge_transforms_total", result="ok"))


@dataclass(slots=True)
class MeasuredStack(Stack):
    results: Path = Path("results")
    begins_with_nothing: bool = True

    def start(self) -> None:
        Stack.start(self)
        self._keep("before")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None and self.process.poll() is None:
            self._keep("after")
        Stack.stop(self, how)

    @contextmanager
    def counted(self) -> Iterator[Counted]:
        """What the servers count while the block runs."""
        edge, origin = self._scrape()
        seen = Counted()
        yield seen
        edge_after, origin_after = self._scrape()
        seen.edge, seen.origin = edge_after.since(edge), origin_after.since(origin)

    def _scrape(self) -> tuple[Scrape, Scrape]:
        """What the servers count now: a node makes the text of a scrape at most once in SCRAPE_SECONDS."""
        time.sleep(SCRAPE_SECONDS + MARGIN_SECONDS)
        return Scrape.read(self.get("/metrics").body.decode()), Scrape.read(self.api("GET", "/metrics").body.decode())

    def _keep(self, when: str) -> None:
        self.results.mkdir(parents=True, exist_ok=True)
        for tier, reply in (("edge", self.get("/metrics")), ("origin", self.api("GET", "/metrics"))):
            (self.results / f"{self.data.name}-{tier}-{when}.prom").write_bytes(reply.body)

"""What the servers counted: Prometheus text read back, so that the load generator's numbers never stand alone."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples by name and labels, of one tier at one moment; or what was added between two."""

    samples: dict[tuple[str, Labels], float]
    families: frozenset[str]
    """What the tier counts at all; a counter with labels has no sample before its first event."""

    @classmethod
    def read(cls, text: str) -> Scrape:
        families = list(text_string_to_metric_families(text))
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        return cls(samples, frozenset(family.name for family in families))

    def since(self, before: Scrape) -> Scrape:
        grown = {key: value - before.samples.get(key, 0.0) for key, value in self.samples.items()}
        return Scrape(grown, self.families)

    def total(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name that carry these labels. Raises LookupError: a misspelt name is no zero."""
        if not {name, name.rpartition("_")[0]} & self.families:
            raise LookupError(f"nothing is counted as {name}")
        return sum(value for _, value in self._matching(name, labels))

    def quantile(self, name: str, share: float, **labels: str) -> float:
        """Upper bound of the bucket in which that share of the observations of a histogram ends."""
        buckets: dict[float, float] = {}
        for found, value in self._matching(f"{name}_bucket", labels):
            bound = float(found["le"])
            buckets[bound] = buckets.get(bound, 0.0) + value
        bounds = sorted(buckets)
        counts = [buckets[bound] for bound in bounds]
        return bounds[bisect_left(counts, share * counts[-1])]

    def mean(self, name: str, **labels: str) -> float:
        return self.total(f"{name}_sum", **labels) / max(self.total(f"{name}_count", **labels), 1.0)

    def _matching(self, name: str, labels: dict[str, str]) -> list[tuple[dict[str, str], float]]:
        wanted = labels.items()
        return [
            (dict(found), value)
            for (other, found), value in self.samples.items()
            if other == name and wanted <= dict(found).items()
        ]

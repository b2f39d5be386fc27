"""What this worker remembers of the origin's answers about names and signatures: little, for a short time, by hashes.

    negatives   name hash -> "does not exist", at most NEGATIVE_SECONDS_MAX, gone with the first entry that names it
    unknown     cloud -> "no tenant of this node", for UNKNOWN_CLOUD_SECONDS
    verdicts    hash of a raw path -> "its signature is good", until the tenant's configuration changes

The edge never verifies an `s--…--` itself: a stolen edge must not own the cloud (decisions F).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from domicile.media.asset import NameHash
from domicile.media.freshness import NEGATIVE_SECONDS_MAX
from domicile.media.journal import Entry, Fence

NEGATIVES_MAX = 20_000
VERDICTS_MAX = 50_000
UNKNOWN_CLOUDS_MAX = 10_000
UNKNOWN_CLOUD_SECONDS = 1.0
"""Shorter than a name's: who creates a cloud looks at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """None of these names existed when the origin had applied `sequence`."""

    sequence: int
    status: int
    until: float
    """Monotonic seconds."""


class Negatives:
    """Names that do not exist. Keyed by (tenant, name hash)."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, NameHash], Negative] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, tenant: str, names: Iterable[NameHash], *, sequence: int, status: int, now: float) -> None:
        negative = Negative(sequence=sequence, status=status, until=now + NEGATIVE_SECONDS_MAX)
        for name in names:
            self._known[tenant, name] = negative
            self._known.move_to_end((tenant, name))
        while len(self._known) > NEGATIVES_MAX:
            self._known.popitem(last=False)

    def status(self, tenant: str, name: NameHash, fence: Fence, *, now: float) -> int | None:
        """The status to answer with when `name` is known not to exist; else None."""
        negative = self._known.get((tenant, name))
        if negative is None:
            return None
        if now >= negative.until or not fence.fresh(negative.sequence, (), (name,)):
            del self._known[tenant, name]
            return None
        return negative.status

    def on_entry(self, entry: Entry) -> None:
        for name in entry.names:
            self._known.pop((entry.tenant, name), None)

    def clear(self) -> None:
        self._known.clear()


class UnknownClouds:
    """Clouds that the agent was asked about a moment ago, so that guessing at names costs it little."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def learn(self, cloud: str, *, now: float) -> None:
        self._until[cloud] = now + UNKNOWN_CLOUD_SECONDS
        self._until.move_to_end(cloud)
        while len(self._until) > UNKNOWN_CLOUDS_MAX:
            self._until.popitem(last=False)

    def has(self, cloud: str, *, now: float) -> bool:
        until = self._until.get(cloud)
        if until is not None and now >= until:
            del self._until[cloud]
            return False
        return until is not None


class Verdicts:
    """Raw paths that the origin let pass."""

    def __init__(self) -> None:
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._good)

    def learn(self, tenant: str, raw_path: str) -> None:
        self._good[tenant, _digest(raw_path)] = None
        while len(self._good) > VERDICTS_MAX:
            self._good.popitem(last=False)

    def is_good(self, tenant: str, raw_path: str) -> bool:
        return (tenant, _digest(raw_path)) in self._good

    def forget(self, tenant: str) -> None:
        for key in [key for key in self._good if key[0] == tenant]:
            del self._good[key]

    def clear(self) -> None:
        self._good.clear()


def _digest(raw_path: str) -> bytes:
    """The query is no part of what was signed."""
    plain = raw_path.partition("?")[0].encode("utf-8", "surrogatepass")
    return hashlib.blake2b(plain, digest_size=16).digest()

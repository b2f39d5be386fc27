"""What is known of probes in this process: what each erasure asks after, and how far every place has come. No I/O, no clock.

It is lost with the process, and asked anew: only what is to be asked after is in the catalogue (`records.working_sets`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from domicile.media.asset import Aid, AssetId, NameHash
from domicile.media.probe import AIDS_MAX, ASSETS_MAX, KnownUrl, Tally
from domicile.media.wire import EdgeSeen
from origin import probe_steps
from origin.probe_steps import Outcome, Standing

OPEN_MAX, OPEN_URLS_MAX = 4096, 65_536
"""Erasures that are probed at a time, and URLs of all of them; others wait for their turn."""
WATCHED_MAX = 1024
"""Erasures that are looked at until they can be probed; those beyond wait for the upkeep, or for who asks."""
SAMPLE_MAX = 8
"""Sealed records that are tried to be opened afterwards."""
OFFERED_SECONDS = 2.0
"""An edge that has neither said anything about a probe after so long nor asked again is told of it again, if it asks twice at a time."""

SILENT_SECONDS = 10.0
"""An edge that has said nothing about a probe after so long is told of in the statement."""

Instance = tuple[str, str]
"""Node and boot of an edge."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Ciphertext of the catalogue, as a backup of yesterday has it."""

    aid: Aid
    asset_id: AssetId
    name: NameHash
    meta: bytes


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One that was removed, or a version of it under retention, and its addresses."""

    name: NameHash
    urls: tuple[KnownUrl, ...]


class WorkingSet(msgspec.Struct, frozen=True, kw_only=True):
    """Of one erasure, or of one step of it."""

    aids: tuple[Aid, ...] = ()
    """The first AIDS_MAX."""
    assets: tuple[Asset, ...] = ()
    """The first ASSETS_MAX."""
    samples: tuple[Sample, ...] = ()

    def plus(self, other: WorkingSet) -> WorkingSet:
        return WorkingSet(
            aids=(self.aids + other.aids)[:AIDS_MAX],
            assets=(self.assets + other.assets)[:ASSETS_MAX],
            samples=(self.samples + other.samples)[:SAMPLE_MAX],
        )


@dataclass(slots=True)
class Key:
    """For one call; durable before anything is sealed under it."""

    place: str
    value: bytes = field(repr=False)
    is_used: bool = False


@dataclass(slots=True)
class EdgeStanding:
    """How far one edge has come with one probe."""

    standing: Standing
    offered_at: float = float("-inf")
    """When it was told of it last."""
    looked: int = 0
    """Versions that it has looked for."""
    kept: int = 0
    """What it found of them in what it keeps."""


@dataclass(slots=True, kw_only=True)
class Probe:
    """One erasure that nobody can serve any more, as far as everybody says."""

    tenant: str
    id: str
    seqs: tuple[int, ...]
    """Its entries."""
    began_at: float
    """Of the wall clock: it was fenced by then."""
    work: WorkingSet | None
    until: float
    """The patience with edges."""
    edges: dict[Instance, EdgeStanding] = field(default_factory=dict)
    clean_at: float = 0.0
    """When it was first seen that every edge that may serve has nothing; 0: they do not say so."""
    cdns: dict[str, Standing] = field(default_factory=dict)
    """By account; of those whose purges have been over once."""
    ready: frozenset[str] = frozenset()
    """Accounts whose purges were over at the last look."""
    opened: int = 0
    """Sealed records of the sample that could still be opened."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has said something; who waits looks again and clears it."""

    @property
    def urls(self) -> int:
        return 0 if self.work is None else sum(len(asset.urls) for asset in self.work.assets)

    def edge(self, instance: Instance) -> EdgeStanding:
        known = self.edges.get(instance)
        if known is None:
            known = self.edges[instance] = EdgeStanding(Standing(until=self.until))
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How far a probe has come at every place."""

    edges: Standing
    nodes: int
    """Edges that may serve, and were asked."""
    versions: int
    """For which each of them has looked, at least."""
    cdns: Mapping[str, Standing]
    samples: int
    opened: int
    """Of the samples, that could still be opened."""

    @property
    def is_settled(self) -> bool:
        """Nothing more comes of it."""
        return not self.opened and all(one.is_settled for one in self._all)

    @property
    def is_verified(self) -> bool:
        return not self.opened and all(one.outcome is Outcome.VERIFIED for one in self._all)

    @property
    def is_in_trouble(self) -> bool:
        """Some place did not say what it should have."""
        return self.opened > 0 or any(one.is_in_trouble for one in self._all)

    @property
    def verified_at(self) -> float:
        return max(one.due_at for one in self._all)

    @property
    def _all(self) -> tuple[Standing, ...]:
        return (self.edges, *self.cdns.values())


@dataclass(slots=True)
class Probes:
    """Of one process."""

    open: dict[tuple[str, str], Probe] = field(default_factory=dict)
    """By cloud and erasure."""
    watched: dict[tuple[str, str], None] = field(default_factory=dict)
    """Erasures that are to be looked at soon, since something outside of them has to happen first."""
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where each account's CDN is reached by viewers."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, when edges have something new to look for."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody has said something that may settle a probe."""
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Erasures that a call goes on with now, and by how many: nobody else has to."""
    spare: Key | None = None
    """A key that its call had no use for: the next one takes it."""
    turns: dict[str, int] = field(default_factory=dict)
    """By cloud with probes: when it had its last turn, counted in turns."""

    def watch(self, tenant: str, erasure: str) -> None:
        if (tenant, erasure) not in self.open and len(self.watched) < WATCHED_MAX:
            self.watched.setdefault((tenant, erasure))

    @property
    def is_full(self) -> bool:
        return len(self.open) >= OPEN_MAX or sum(probe.urls for probe in self.open.values()) >= OPEN_URLS_MAX

    def begin(self, probe: Probe) -> None:
        self.open[probe.tenant, probe.id] = probe
        self.watched.pop((probe.tenant, probe.id), None)
        waiting, self.news = self.news, asyncio.Event()
        waiting.set()

    def take_spare(self) -> Key | None:
        spare, self.spare = self.spare, None
        return spare

    def keep_spare(self, key: Key) -> bool:
        """False: there is one."""
        if self.spare is not None:
            return False
        self.spare = key
        return True

    @contextmanager
    def holding(self, tenant: str, erasure: str) -> Iterator[None]:
        """Go on with one."""
        at = (tenant, erasure)
        self.held[at] += 1
        try:
            yield
        finally:
            self.held[at] -= 1
            if not self.held[at]:
                del self.held[at]

    def end(self, tenant: str, erasure: str) -> None:
        self.open.pop((tenant, erasure), None)
        self.watched.pop((tenant, erasure), None)
        if not any(cloud == tenant for cloud, _ in self.open):
            self.turns.pop(tenant, None)

    @property
    def in_turn(self) -> list[Probe]:
        """One cloud that erases all the time keeps no other waiting."""
        return sorted(self.open.values(), key=lambda probe: self.turns.get(probe.tenant, 0))

    def had_turn(self, probe: Probe) -> None:
        self.turns[probe.tenant] = max(self.turns.values(), default=0) + 1

    def due_for(self, instance: Instance, tenants: frozenset[str], *, now: float, limit: int) -> list[Probe]:
        """What this edge is to look for now; it counts as told of them."""
        due: list[Probe] = []
        for probe in self.in_turn:
            if len(due) >= limit:
                break
            if probe.tenant not in tenants:
                continue
            edge = probe.edge(instance)
            if edge.standing.is_settled or now < max(edge.standing.due_at, edge.offered_at + OFFERED_SECONDS):
                continue
            edge.offered_at = now
            due.append(probe)
        for probe in due:
            self.had_turn(probe)
        return due

    def take(self, instance: Instance, seen: Iterable[EdgeSeen], *, now: float) -> None:
        """What an edge says that it has seen, when it asks for more: what it was told of before and says nothing of is lost. Of probes
        that nobody knows any more it is ignored.
        """
        for probe in self.open.values():
            if instance in probe.edges:
                probe.edges[instance].offered_at = float("-inf")
        for said in seen:
            known = self.open.get((said.tenant, said.id))
            if known is None:
                continue
            edge = known.edge(instance)
            edge.looked, edge.kept = said.looked, said.kept
            edge.standing = probe_steps.answered(
                edge.standing, tally_of(said), now=now, pause_seconds_max=probe_steps.EDGE_RETRY_SECONDS_MAX
            )
            known.changed.set()
            self.told.set()


def tally_of(said: EdgeSeen) -> Tally:
    """What an edge counted, in the words of every place: what it keeps is as bad as what it gives away."""
    return Tally(
        asked=said.asked,
        absent=max(0, said.asked - said.given - said.unjudged),
        found=said.given + said.kept,
        unjudged=said.unjudged,
        unreachable=said.unsure,
    )


def edges_standing(probe: Probe, alive: Iterable[Instance], *, now: float) -> Standing:
    """Of all edges together that may serve: settled when each is, and as good as the worst of them."""
    each = [probe_steps.failed_if_over(probe.edge(one).standing, now=now) for one in sorted(alive)]
    tally = sum_of(one.tally for one in each)
    bad = [one for one in each if one.outcome is not Outcome.VERIFIED]
    if not bad:
        return Standing(outcome=Outcome.VERIFIED, due_at=now, tally=tally, why="")
    is_open = any(one.outcome is Outcome.PENDING for one in bad)
    silent = not any(one.tries for one in bad)
    return Standing(
        outcome=Outcome.PENDING if is_open else Outcome.FAILED,
        tries=max(one.tries for one in bad) or int(silent and now > probe.began_at + SILENT_SECONDS),
        due_at=now,
        until=probe.until,
        tally=tally,
        why=next((one.why for one in bad if one.tries), probe_steps.SILENT),
    )


def sum_of(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for one in tallies:
        total = total.with_all_of(one)
    return total

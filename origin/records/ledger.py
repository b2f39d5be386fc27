"""The placement ledger: every place that has, had or may have something of an asset, what it is, and how that is known. Decides only.

What another table tells is not written down a second time: the original of a version lies where its row says; only what no other row
remembers comes from `placements`. `evidence` says what a line stands on:

    catalogue   these records, which the crawler holds against the store
    reported    an edge said that it made it; it may be in the memory of a worker alone
    listed      an edge found it among its files
    leased      the edge may hold copies of this cloud; it told of none
    deleted     the store said so when it was deleted
    sent        it was sent there, or handed out
    lifetime    nobody can look there: copies end by the lifetime that was sent along
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domicile.media.asset import Aid
from origin.records import place_names
from origin.records.placements import STORE, Placed

CURRENT = "current"
"""Of a version that its asset is shown by."""


class State(StrEnum):
    PRESENT = "present"
    GOING = "going"
    """It is to go, and is not known to have gone."""
    GONE = "gone"
    LAPSED = "lapsed"
    """The edge has no lease: it serves nothing and has no key of it, whatever lies on its disk."""
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A version that is there."""

    aid: Aid
    state: str
    """As `records.subjects.HeldVersion` says it."""
    since: float
    holders: tuple[Aid, ...] = ()
    """Other versions whose bytes hold those of this one: archives, sprites."""
    tasks: Mapping[str, int] = field(default_factory=dict)
    """What is still to be told of it or made of it: how many of each kind."""
    recipients: Sequence[tuple[str, str, float]] = ()
    """(kind, who, since)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an asset and its cloud."""

    store: str
    region: str
    held: Sequence[Held]
    placed: Sequence[Placed]
    nodes: Mapping[str, str]
    """Edges with a lease for the cloud: their regions, "" where it is not known."""
    cdns: Collection[str]
    """Accounts, or kinds where there is none."""
    residual: str
    """Where bytes of index entries that were removed may still lie; empty: nowhere."""
    browser_seconds: int
    shared_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One line. Times are Unix seconds; None: nobody knows, or it has not happened."""

    place: str
    """Of `place_names`."""
    what: str
    state: State
    evidence: str
    version_id: Aid | None = None
    """None: of whichever version."""
    name: str = field(default="", repr=False)
    """Which one of such places: the store, a node, a host."""
    region: str = ""
    since: float | None = None
    seen_at: float | None = None
    until: float | None = None
    why: str = ""
    seconds_max: int | None = None
    """At the latest it ends so long after it was given away."""
    count: int | None = None


def copies_of(facts: Facts) -> tuple[Copy, ...]:
    """All lines, those of one version together, in the order of the facts; what may be anywhere comes last."""
    held = {one.aid for one in facts.held}
    lines = [line for one in facts.held for line in _held(facts, one)]
    lines += [_original(facts, row) for row in facts.placed if row.place == STORE and row.aid not in held]
    lines += [_at_edge(facts, row, held) for row in facts.placed if row.place != STORE]
    lines += _possible(facts)
    return tuple(lines)


def _held(facts: Facts, one: Held) -> Iterator[Copy]:
    original = Copy(
        place=place_names.STORE,
        what="original",
        state=State.PRESENT,
        evidence="catalogue",
        version_id=one.aid,
        name=facts.store,
        region=facts.region,
        since=one.since,
        why="" if one.state == CURRENT else one.state,
    )
    yield original
    yield replace(original, place=place_names.CATALOGUE, what="record", name="", why="")
    if one.state == CURRENT:
        yield replace(original, place=place_names.SEARCH, what="index entry", name="")
    for holder in one.holders:
        yield replace(original, what=f"part of {holder}", since=None, why="")
    for kind, count in sorted(one.tasks.items()):
        yield replace(original, place=place_names.OUTBOX, what=kind, name="", since=None, why="", count=count)
    for kind, who, since in one.recipients:
        what = "original" if kind == place_names.EXPORT else "notice"
        yield replace(original, place=kind, what=what, evidence="sent", name=who, region="", since=since, why="")


def _original(facts: Facts, row: Placed) -> Copy:
    """Of a version that is no more."""
    gone = row.gone_at is not None
    return Copy(
        place=place_names.STORE,
        what="original",
        state=State.GONE if gone else State.GOING,
        evidence="deleted" if gone else "catalogue",
        version_id=row.aid,
        name=facts.store,
        region=row.region,
        since=row.since,
        until=row.gone_at,
        why=row.why,
    )


def _at_edge(facts: Facts, row: Placed, held: Collection[Aid]) -> Copy:
    if row.gone_at is not None:
        state = State.GONE
    elif row.place not in facts.nodes:
        state = State.LAPSED
    else:
        state = State.PRESENT if row.aid in held and not row.why else State.GOING
    return Copy(
        place=place_names.EDGES,
        what="renditions",
        state=state,
        evidence="listed" if row.is_listed else "reported",
        version_id=row.aid,
        name=row.place,
        region=row.region,
        since=row.since,
        seen_at=row.seen_at,
        until=row.gone_at,
        why=row.why,
    )


def _possible(facts: Facts) -> Iterator[Copy]:
    known = {row.place for row in facts.placed if row.gone_at is None}
    for node, region in sorted(facts.nodes.items()):
        if node not in known:
            yield Copy(
                place=place_names.EDGES,
                what="renditions",
                state=State.POSSIBLE,
                evidence="leased",
                name=node,
                region=region,
            )
    if facts.residual:
        yield Copy(
            place=facts.residual, what="index entry", state=State.POSSIBLE, evidence="catalogue", region=facts.region
        )
    outside = [(place_names.cdn(name), facts.shared_seconds) for name in sorted(facts.cdns)]
    outside += [(place_names.SHARED, facts.shared_seconds), (place_names.BROWSERS, facts.browser_seconds)]
    for place, seconds in outside:
        yield Copy(place=place, what="renditions", state=State.POSSIBLE, evidence="lifetime", seconds_max=seconds)

"""What the journal's mirror holds: entries, and what is left of those that were compacted away (`origin.mirror`); and what it is to the
journal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Entry, Head, Kind


class Mirrors(Protocol):
    """Where entries are copied to."""

    @property
    def ends(self) -> Mapping[str, Head]:
        """How far each tenant's entries go."""

    def holds(self, tenant: str, /) -> Collection[str]:
        """Legal holds that they know to stand."""

    def append(self, entries: tuple[Entry, ...], /) -> None:
        """Durable on return, in a thread, one call at a time."""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """Stands for all entries of a tenant up to `head`; of them only aids are kept: of what nobody may be served, or erase."""

    tenant: str
    head: Head
    """An empty chain: not known, because the entries were gone before they could be mirrored."""
    erased: tuple[Aid, ...] = ()
    restricted: tuple[Aid, ...] = ()
    """Put under retention, and not erased by any entry that the mirror had when it was made anew."""
    hidden: tuple[Aid, ...] = ()
    """And neither erased nor shown again by any."""
    hold: NameHash | None = None
    """A legal hold that was not lifted by any; it was laid on `held`."""
    held: tuple[Aid, ...] = ()


@dataclass(slots=True, kw_only=True)
class Missing:
    """What a catalogue that stands at some number has not heard of."""

    entries: list[Entry] = field(default_factory=list)
    base: Head | None = None
    """The entries begin after this head; None: they begin where the catalogue ends."""
    erased: list[Aid] = field(default_factory=list)
    """Aids erased by entries that were compacted away; among them older ones that the catalogue knows to be erased."""
    restricted: list[Aid] = field(default_factory=list)
    """The same of aids that were put under retention: carried out before the entries, which may erase some of them."""
    hidden: list[Aid] = field(default_factory=list)
    """The same of aids that were hidden."""
    held: list[tuple[NameHash, tuple[Aid, ...]]] = field(default_factory=list)
    """The same of legal holds, each perhaps in several parts."""


@dataclass(slots=True)
class Withheld:
    """Of one tenant; in the order in which it came. No more than is under retention, hidden, or under a hold."""

    retained: dict[Aid, None] = field(default_factory=dict)
    hidden: dict[Aid, None] = field(default_factory=dict)
    held: dict[NameHash, dict[Aid, None]] = field(default_factory=dict)

    def take(self, record: Entry | Base, *, goes: bool) -> None:
        """`goes`: the record will not be there any more; of one that stays only what it ends is of interest."""
        retained: tuple[Aid, ...] = ()
        hidden: tuple[Aid, ...] = ()
        shown: tuple[Aid, ...] = ()
        if isinstance(record, Base):
            retained, hidden = record.restricted, record.hidden
        elif record.kind == Kind.RESTRICT and record.names:  # a delete (ADR 0044)
            retained = record.aids
        elif record.kind == Kind.RESTRICT:
            hidden = record.aids
        elif record.kind == Kind.NAME:
            shown = record.aids
        if goes:
            self.retained.update(dict.fromkeys(retained))
            self.hidden.update(dict.fromkeys(hidden))
        if goes and (laid := laid_by(record)):
            self.held.setdefault(laid[0], {}).update(dict.fromkeys(laid[1]))
        self.held.pop(lifted_by(record), None)
        for aid in (*erased_by(record), *shown):
            self.hidden.pop(aid, None)
        for aid in erased_by(record):
            self.retained.pop(aid, None)


def end_of(record: Entry | Base) -> Head:
    if isinstance(record, Base):
        return record.head
    return Head(epoch=record.epoch, seq=record.seq, chain=record.chain)


def erased_by(record: Entry | Base) -> tuple[Aid, ...]:
    if isinstance(record, Base):
        return record.erased
    return record.aids if record.kind == Kind.ERASE else ()


def laid_by(record: Entry | Base) -> tuple[NameHash, tuple[Aid, ...]] | None:
    """A hold, and what it was laid on."""
    if isinstance(record, Base):
        return None if record.hold is None else (record.hold, record.held)
    return (record.names[0], record.aids) if record.kind == Kind.HOLD else None


def lifted_by(record: Entry | Base) -> NameHash:
    """A hold, or nothing."""
    if isinstance(record, Entry) and record.kind == Kind.RELEASE:
        return record.names[0]
    return NameHash("")

"""What to do with an entry, or with a head that a lease states, given how far this node has come. Pure.

A node applies exactly the next entry of the same history. A gap, or a history that a new epoch declares, costs the
tenant's whole cache at this node. An origin that is behind, or tells another history of the same epoch, was put back to
an older state without saying so: its tenant is refused and not served until it can continue what this node knows.
Source: decisions C.1, C.2, C.4; erasure E8 and E9.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from domicile.media.journal import Entry, Head, follows
from domicile.media.wire import JournalAnswer


class Step(Enum):
    """What an entry of the feed means."""

    APPLY = "apply"
    SKIP = "skip"
    """Applied before: feeds may repeat themselves."""
    RESYNC = "resync"
    """Something is missing: drop the tenant's cache and go on from the head of a fresh lease."""
    REFUSE = "refuse"
    """Another past: do not serve the tenant."""


class Standing(Enum):
    """Where this node stands against the head of a lease."""

    LEVEL = "level"
    BEHIND = "behind"
    """Entries are on their way; whether they continue our history, the entries will tell."""
    REGRESSED = "regressed"
    """The origin knows less than we do, or something else."""


def step(cursor: Head, entry: Entry) -> Step:
    """What to do with the next entry of one tenant's feed."""
    if entry.seq <= cursor.seq:
        return Step.SKIP
    if entry.epoch < cursor.epoch:
        return Step.REFUSE
    if follows(cursor, entry):
        return Step.APPLY
    if entry.seq > cursor.seq + 1 or entry.epoch > cursor.epoch:
        return Step.RESYNC
    return Step.REFUSE


def standing(cursor: Head, granted: Head) -> Standing:
    """Compare our cursor with the head that a lease states."""
    if granted.seq < cursor.seq or granted.epoch < cursor.epoch:
        return Standing.REGRESSED
    if granted.seq > cursor.seq:
        return Standing.BEHIND
    return Standing.LEVEL if granted.chain == cursor.chain else Standing.REGRESSED


def may_resync(cursor: Head, granted: Head) -> bool:
    """After a gap: may the node start again at this head? Only forwards."""
    return granted.seq >= cursor.seq and granted.epoch >= cursor.epoch


def after(entry: Entry) -> Head:
    """The cursor once `entry` is applied."""
    return Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)


def sort(cursors: Mapping[str, Head], answer: JournalAnswer) -> tuple[list[Entry], set[str], set[str]]:
    """(entries to apply in order, tenants to start again, tenants to refuse) of one answer of the feed.

    Tenants without a cursor are left out; entries before the first bad one of their tenant are good.
    """
    reached = dict(cursors)
    good: list[Entry] = []
    resync = {name for name in answer.compacted if name in reached}
    refused = {name for name in answer.unknown if name in reached}
    for entry in answer.entries:
        name = entry.tenant
        if name not in reached or name in resync or name in refused:
            continue
        match step(reached[name], entry):
            case Step.APPLY:
                good.append(entry)
                reached[name] = after(entry)
            case Step.RESYNC:
                resync.add(name)
            case Step.REFUSE:
                refused.add(name)
            case Step.SKIP:
                pass
    return good, resync, refused

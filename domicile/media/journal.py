"""The journal: what changed, in order, with no personal data in it; and the fence that every reader keeps.

An entry names aids and keyed hashes of names. Its identity is (epoch, seq, chain). Order is decided by comparing
`seq`, never clocks. The fence answers one question: may bytes that were read at sequence g still be served?

    fresh means g >= s: a source that had applied g is fresh for every purge s <= g      (decisions D.2)
    refused: a retained record that matches has s > g, or g is below the floor
    erased aids are refused by presence, whatever g says

Rules of the file: pure; no clock, no storage. Every collection here is bounded by a named limit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from domicile.media.asset import Aid, NameHash

ENTRY_TARGETS_MAX = 1000
"""aids + names in one entry; an entry that would hold more becomes ALL (64 KiB on the wire at most)."""

FENCE_RECORDS_MAX = 100_000
"""Purge records one tenant's fence retains; collecting the oldest raises the floor."""

GENESIS = "0" * 64


class Kind(StrEnum):
    ASSET = "asset"
    ERASE = "erase"
    RESTRICT = "restrict"
    NAME = "name"
    CONFIG = "config"
    ALL = "all"
    HOLD = "hold"
    RELEASE = "release"


UNSEEN = frozenset({Kind.HOLD, Kind.RELEASE})
"""A legal hold is laid on these aids, or ended; `names` is the hold's id alone. No copy is concerned: a catalogue that is put back
has to know."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal reaches."""

    epoch: int
    seq: int
    chain: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one tenant's journal. `kind` is a plain string on the wire: an unknown one is purge-all."""

    tenant: str
    epoch: int
    seq: int
    kind: str
    aids: tuple[Aid, ...] = ()
    names: tuple[NameHash, ...] = ()
    config_revision: int = 0
    chain: str = ""


def chain_of(previous: str, entry: Entry) -> str:
    """Hash that ties an entry to everything before it (hex SHA-256)."""
    plain = msgspec.msgpack.encode(
        [entry.tenant, entry.epoch, entry.seq, entry.kind, list(entry.aids), list(entry.names), entry.config_revision]
    )
    return hashlib.sha256(bytes.fromhex(previous) + plain).hexdigest()


def follows(head: Head, entry: Entry) -> bool:
    """Is this exactly the next entry of the same history? A reader applies nothing else (decisions C.2)."""
    return entry.seq == head.seq + 1 and entry.epoch >= head.epoch and entry.chain == chain_of(head.chain, entry)


class FenceState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a fence remembers, to hand it to another process. Marks and tombstones are oldest first."""

    applied: int
    floor: int
    epoch: int
    config_revision: int
    all: int
    marks: tuple[tuple[str, int], ...] = ()
    erased: tuple[tuple[Aid, int], ...] = ()


class Fence:
    """One tenant's memory of purges. Not thread-safe; `apply` in order."""

    __slots__ = ("_all", "_erased", "_marks", "applied", "config_revision", "epoch", "floor")

    def __init__(self, *, applied: int = 0, floor: int = 0, epoch: int = 0) -> None:
        self._marks: OrderedDict[str, int] = OrderedDict()  # aid or name hash -> newest purge
        self._erased: OrderedDict[Aid, int] = OrderedDict()  # tombstones, kept through ALL
        self._all = 0
        self.applied = applied
        self.floor = floor
        self.epoch = epoch
        self.config_revision = 0

    def apply(self, entry: Entry) -> None:
        """Take one entry in; entries must come in order and without gaps."""
        if entry.seq != self.applied + 1:
            raise ValueError(f"journal gap: applied {self.applied}, got {entry.seq}")
        match entry.kind:
            case Kind.ASSET | Kind.NAME | Kind.RESTRICT | Kind.ERASE:
                self._mark(entry.seq, (*entry.aids, *entry.names))
                if entry.kind == Kind.ERASE:
                    self._bury(entry.seq, entry.aids)
            case Kind.CONFIG:
                self.config_revision = entry.config_revision
            case Kind.HOLD | Kind.RELEASE:
                pass
            case _:  # ALL, and whatever a newer origin may say that we do not understand
                self._all = entry.seq
                self._marks.clear()
        self.applied = entry.seq
        self.epoch = entry.epoch

    def fresh(self, g: int, contributors: Iterable[Aid], names: Iterable[NameHash] = ()) -> bool:
        """May bytes read at sequence `g`, made of these contributors under these names, be served or stored?"""
        if g < self.floor or g < self._all:
            return False
        for aid in contributors:
            if aid in self._erased or self._marks.get(aid, 0) > g:
                return False
        return all(self._marks.get(name, 0) <= g for name in names)

    def is_erased(self, aid: Aid) -> bool:
        return aid in self._erased

    def state(self) -> FenceState:
        """A copy of everything, for `restored`."""
        return FenceState(
            applied=self.applied,
            floor=self.floor,
            epoch=self.epoch,
            config_revision=self.config_revision,
            all=self._all,
            marks=tuple(self._marks.items()),
            erased=tuple(self._erased.items()),
        )

    @classmethod
    def restored(cls, state: FenceState) -> Fence:
        """The fence that `state` was taken from."""
        fence = cls(applied=state.applied, floor=state.floor, epoch=state.epoch)
        fence.config_revision = state.config_revision
        fence._all = state.all
        fence._marks.update(state.marks)
        fence._erased.update(state.erased)
        return fence

    def restarted(self, head: Head) -> Fence:
        """A fence for a reader that dropped everything and starts again at `head`: it keeps only the tombstones."""
        fence = Fence(applied=head.seq, floor=head.seq, epoch=head.epoch)
        fence.config_revision = self.config_revision
        fence._erased.update(self._erased)
        return fence

    def _mark(self, seq: int, targets: Iterable[str]) -> None:
        for target in targets:
            self._marks[target] = seq
            self._marks.move_to_end(target)
        while len(self._marks) > FENCE_RECORDS_MAX:
            _, collected = self._marks.popitem(last=False)
            self.floor = max(self.floor, collected)

    def _bury(self, seq: int, aids: Iterable[Aid]) -> None:
        for aid in aids:
            self._erased[aid] = seq
        while len(self._erased) > FENCE_RECORDS_MAX:
            # Everything read before the collected erase is now below the floor; nothing read after it can hold the aid.
            _, collected = self._erased.popitem(last=False)
            self.floor = max(self.floor, collected)

"""Stored responses: by URL, then by what they vary by; bounded in bytes and in variants. Bodies too large for memory are on
the disk (`edge.store.spool`), which says when one of them has to go.

A URL's variants go together when room is needed. Whoever is about to store something holds a ticket from before the request
went out; a change of the URL meanwhile voids the ticket, so that an answer from before the change is not kept after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from edge.cache.partial import combined
from edge.cache.stored import Stored, held_bytes_of
from edge.store.fifo import WeightedFifo
from edge.store.spool import SpoolFile

URL_BYTES = 512
"""What an entry takes beside its variants."""


class Ticket:
    """Leave to store an answer that is being fetched."""

    __slots__ = ("is_void",)

    def __init__(self) -> None:
        self.is_void = False


class ResponseStore:
    """Responses of all routes of one worker. Keys are texts of the caller."""

    def __init__(self, *, bytes_max: int, object_bytes_max: int, disk_bytes_max: int, variants_max: int) -> None:
        self._entries: WeightedFifo[tuple[Stored, ...]] = WeightedFifo(bytes_max)
        self._on_disk: WeightedFifo[tuple[str, SpoolFile]] = WeightedFifo(max(1, disk_bytes_max))
        """By the name of the body: the key of the URL, some of whose variants have it, and the body itself."""
        self._object_bytes_max = object_bytes_max
        self._variants_max = variants_max
        self._tickets: dict[str, set[Ticket]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return self._entries.cost

    def takes(self, body_bytes: int) -> bool:
        """Is a body of this size stored in memory?"""
        return body_bytes <= min(self._object_bytes_max, self._entries.cost_max)

    def variants(self, key: str) -> tuple[Stored, ...]:
        """Whole responses, newest first."""
        found = tuple(one for one in self._entries.get(key) or () if one.is_whole)
        for one in found:
            if isinstance(one.body, SpoolFile):
                self._on_disk.get(one.body.name)  # counts the visit
        return found

    def incomplete(self, key: str) -> tuple[Stored, ...]:
        """Those of which only pieces are held, newest first."""
        return tuple(one for one in self._entries.peek(key) or () if not one.is_whole)

    @contextmanager
    def ticket(self, key: str) -> Iterator[Ticket]:
        """From before the origin is asked until its answer is stored or given up."""
        mine = Ticket()
        held = self._tickets.setdefault(key, set())
        held.add(mine)
        try:
            yield mine
        finally:
            held.discard(mine)
            if not held and self._tickets.get(key) is held:
                del self._tickets[key]

    def put(self, key: str, stored: Stored, ticket: Ticket, *, instead_of: Stored | None = None) -> bool:
        """Keep it as the newest variant, in place of the one for the same requests. False when it is not kept.

        Pieces are kept with those that are held, and not where the whole is.
        """
        if ticket.is_void or not self.takes(held_bytes_of(stored.body)):
            return False
        known = [one for one in self._entries.peek(key) or () if one is not instead_of]
        like, others = _by_likeness(known, stored)
        if like is not None and not stored.is_whole:
            if like.is_whole:
                return False
            stored = combined(like, stored, bytes_max=self._object_bytes_max)
        variants = (stored, *others)[: self._variants_max]
        while len(variants) > 1 and _cost(key, variants) > self._entries.cost_max:
            variants = variants[:-1]
        if _cost(key, variants) > self._entries.cost_max:
            return False
        self._set(key, variants)
        return True

    def remove(self, key: str, stored: Stored) -> None:
        """Take one variant out."""
        self._take_out(key, [one for one in self._entries.peek(key) or () if one is stored])

    def drop(self, key: str) -> None:
        """The URL has changed: what is stored goes, and what is on its way is not stored."""
        self._set(key, ())
        for ticket in self._tickets.get(key, ()):
            ticket.is_void = True

    def let_go(self) -> bool:
        """Take out what is on the disk and is wanted least; False when nothing is there."""
        gone = self._on_disk.make_room(self._on_disk.cost_max - self._on_disk.cost + 1)
        self._without_bodies(gone)
        return bool(gone)

    def _set(self, key: str, variants: tuple[Stored, ...]) -> None:
        self._leave_disk(self._entries.pop(key) or ())
        if not variants:
            return
        for _, gone in self._entries.put(key, variants, _cost(key, variants)):
            self._leave_disk(gone)
        for one in reversed(variants):  # the newest is the last to be driven out by others
            if isinstance(one.body, SpoolFile) and any(one is kept for kept in self._entries.peek(key) or ()):
                cost = min(max(1, one.body_bytes), self._on_disk.cost_max)
                self._without_bodies(self._on_disk.put(one.body.name, (key, one.body), cost))

    def _without_bodies(self, gone: list[tuple[str, tuple[str, SpoolFile]]]) -> None:
        """Take out every variant that has one of these: an origin may have confirmed a body for several."""
        for _, (key, body) in gone:
            self._take_out(key, [one for one in self._entries.peek(key) or () if one.body is body])

    def _take_out(self, key: str, leaving: Collection[Stored]) -> None:
        if leaving:
            left = (one for one in self._entries.peek(key) or () if not any(one is gone for gone in leaving))
            self._set(key, tuple(left))

    def _leave_disk(self, variants: tuple[Stored, ...]) -> None:
        for one in variants:
            if isinstance(one.body, SpoolFile):
                self._on_disk.pop(one.body.name)


def _by_likeness(known: list[Stored], stored: Stored) -> tuple[Stored | None, list[Stored]]:
    """The one for the same requests, and all others."""
    like, others = None, []
    for one in known:
        if (one.varies_by, one.selection) == (stored.varies_by, stored.selection):
            like = one
        else:
            others.append(one)
    return like, others


def _cost(key: str, variants: tuple[Stored, ...]) -> int:
    return URL_BYTES + len(key) + sum(one.cost_bytes for one in variants)

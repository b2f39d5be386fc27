"""Responses under way, so that a purge can end those whose object it concerns (decisions D.4).

A response is under way until the viewer's machine has its last byte, and not only until that byte is handed over: what
waits in the kernel is still ours to throw away. Whether it waits is asked when it matters, at a purge, and now and then
to forget; a viewer's next request on the same connection says that it has everything, so a hit costs no more than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domicile.media.asset import Aid
from edge.outgoing import abort, unsent_bytes
from edge.store.port import Judged, StoredHead

HEADS_MAX = 32
"""Of one connection; then it is asked whether they have arrived. A hot hit waits for that, an ordinary answer does not."""


@dataclass(slots=True)
class InProgress:
    """Media requests of this worker that wait or are being answered."""

    count: int = 0


class OpenResponses:
    """Each response from its last look at the fence before the first byte."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[StoredHead, asyncio.Transport | None]] = {}
        self._sent: dict[asyncio.Transport, dict[int, StoredHead]] = {}
        """Handed over, and maybe not all of it with the viewer yet: each object once, by its identity."""

    def __len__(self) -> int:
        return len(self._open) + len(self._sent)

    @contextmanager
    def entered(self, head: StoredHead, transport: asyncio.Transport | None) -> Iterator[None]:
        token = object()
        self._open[token] = (head, transport)
        if transport in self._sent and not unsent_bytes(transport):
            del self._sent[transport]
        try:
            yield
            if token in self._open and transport is not None:  # what failed has sent nothing, or was aborted
                self._sent.setdefault(transport, {})[id(head)] = head
        finally:
            self._open.pop(token, None)

    def hand_over(self, transport: asyncio.Transport, head: StoredHead) -> bool:
        """A whole response is handed over at once, by who may not wait. False: too many others are unsent already."""
        heads = self._sent.get(transport)
        if heads is None:
            heads = self._sent[transport] = {}
        elif id(head) in heads:
            return True
        if len(heads) >= HEADS_MAX:
            if unsent_bytes(transport):
                return False
            heads.clear()
        heads[id(head)] = head
        return True

    def count_of(self, tenant: str, aids: Collection[Aid]) -> int:
        """How many carry bytes of these versions."""
        self.sweep()
        heads = [head for head, _ in self._open.values()]
        heads += [head for sent in self._sent.values() for head in sent.values()]
        return sum(head.tenant == tenant and not set(aids).isdisjoint(head.contributors) for head in heads)

    def sweep(self) -> None:
        """Forget what has arrived."""
        for transport in [transport for transport in self._sent if not unsent_bytes(transport)]:
            del self._sent[transport]

    def abort_stale(self, is_fresh: Callable[[Judged], bool], tenant: str) -> int:
        """Cut off what this tenant's fence forbids now; returns how many."""

        def is_stale(head: StoredHead) -> bool:
            return head.tenant == tenant and not is_fresh(head)

        return self._abort(is_stale)

    def abort_all(self) -> int:
        return self._abort(lambda _: True)

    def _abort(self, is_stale: Callable[[StoredHead], bool]) -> int:
        self.sweep()
        open_ = [token for token, (head, _) in self._open.items() if is_stale(head)]
        sent = [transport for transport, heads in self._sent.items() if any(is_stale(head) for head in heads.values())]
        for token in open_:
            _, cut = self._open.pop(token)
            abort(cut)
        for transport in sent:
            del self._sent[transport]
            abort(transport)
        return len(open_) + len(sent)

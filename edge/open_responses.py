"""Responses under way, so that a purge can end those whose object it concerns (decisions D.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.send import abort
from edge.store.port import Judged, StoredHead


class OpenResponses:
    """Each response from its last look at the fence before the first byte until its last byte is handed over."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[StoredHead, asyncio.Transport | None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def entered(self, head: StoredHead, transport: asyncio.Transport | None) -> Iterator[None]:
        token = object()
        self._open[token] = (head, transport)
        try:
            yield
        finally:
            self._open.pop(token, None)

    def abort_stale(self, is_fresh: Callable[[Judged], bool], tenant: str) -> int:
        """Cut off what this tenant's fence forbids now; returns how many."""
        stale = [token for token, (head, _) in self._open.items() if head.tenant == tenant and not is_fresh(head)]
        return self._abort(stale)

    def abort_all(self) -> int:
        return self._abort(list(self._open))

    def _abort(self, tokens: list[object]) -> int:
        for token in tokens:
            _, transport = self._open.pop(token)
            abort(transport)
        return len(tokens)

"""Who may ask a search index now: one search at a time, and no more who wait than WAITING_MAX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from domicile.media.errors import Overloaded

SEARCH_SECONDS_MAX = 2.0
"""Of one question."""
WAITING_MAX = 64
"""Questions that are asked or wait, and searches that wait for their turn, each."""
TOO_LONG = "The search takes too long: ask for less"


class Turns:
    """See the head of the file."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._searching = 0
        self._asking = 0

    @asynccontextmanager
    async def search(self) -> AsyncIterator[None]:
        """A search by expression may have to look at every asset, so that there is one of them. Raises Overloaded."""
        if self._searching >= WAITING_MAX:
            raise Overloaded("Too many searches at once; try again")
        self._searching += 1
        try:
            async with self._turn:
                yield
        finally:
            self._searching -= 1

    @contextmanager
    def question(self) -> Iterator[None]:
        """Raises Overloaded."""
        if self._asking >= WAITING_MAX:
            raise Overloaded("Too many questions to the search index at once; try again")
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

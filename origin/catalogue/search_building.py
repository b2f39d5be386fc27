"""How far a search index is while it is made, beside everything else that goes on.

What is read for it is as old as the number that the cloud's journal had then: a change with a higher number has told the index
more than that, and wins, whichever comes first. Whoever asks about a cloud that is not whole waits for a moment, and is told
to come again: half an answer would look like a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from domicile.media.errors import Overloaded

BUILDING_SECONDS_MAX = 2.0
"""How long a question waits for the assets of its cloud to be in the index."""
WAITING_MAX = 64
"""Questions that wait so."""
TOLD_MAX = 100_000
"""Assets of one cloud that changes have told of since what is being read was read."""


class Told:
    """What changes have told of one cloud since its assets were begun to be read: asset -> number of the last change."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._lost = 0
        """Of changes up to this number not everything is known."""

    def note(self, asset_ids: Iterable[str], seq: int) -> None:
        self._last.update(dict.fromkeys(asset_ids, seq))
        if len(self._last) > TOLD_MAX:
            self._last.clear()
            self._lost = seq

    def fresh(self, asset_ids: Sequence[str], head: int) -> list[bool] | None:
        """Of each: is it still as it was read when the journal was there? None: nobody knows, read again.

        What is older than that is forgotten: whatever is read later was read after it.
        """
        if head < self._lost:
            return None
        self._last = {asset_id: seq for asset_id, seq in self._last.items() if seq > head}
        return [asset_id not in self._last for asset_id in asset_ids]


class Building:
    """Which clouds are not whole, and how far all of them are."""

    def __init__(self) -> None:
        self.era = 0
        """Rises when what was built so far is thrown away, or lost."""
        self._left: dict[str, asyncio.Event] = {}
        self._begun = asyncio.Event()
        self._waiting = 0
        self._read = 0
        self._expected = 0

    @property
    def left(self) -> tuple[str, ...]:
        """Clouds of which assets may be missing."""
        return tuple(self._left)

    @property
    def share(self) -> float:
        """Of the assets that were to be read, 0 to 1; 1 only when every cloud is whole."""
        if not self._left:
            return 1.0
        return min(self._read / self._expected, 0.99) if self._expected else 0.0

    def begin(self, tenants: Iterable[str]) -> None:
        """They are not whole any more; whoever builds is woken."""
        for tenant in tenants:
            self._left.setdefault(tenant, asyncio.Event())
        if self._left:
            self._begun.set()

    def expect(self, assets: int) -> None:
        """So many are read from here on."""
        self._read, self._expected = 0, assets

    def advance(self, assets: int) -> None:
        self._read += assets

    def end(self, tenant: str) -> None:
        """All of it is in the index."""
        whole = self._left.pop(tenant, None)
        if whole is not None:
            whole.set()

    async def begun(self) -> None:
        """Until there is something to build, or `wake`."""
        await self._begun.wait()
        self._begun.clear()

    def wake(self) -> None:
        self._begun.set()

    def refuse(self, tenant: str) -> None:
        """For those who hold a lock that others wait for. Raises Overloaded while assets may be missing."""
        if tenant in self._left:
            percent = int(self.share * 100)
            raise Overloaded(f"The search index is being built ({percent} % of all assets): try again")

    async def outwait(self, tenant: str) -> None:
        """Raises Overloaded when it takes longer than BUILDING_SECONDS_MAX, or too many wait."""
        whole = self._left.get(tenant)
        if whole is None:
            return
        if self._waiting < WAITING_MAX:
            self._waiting += 1
            try:
                async with asyncio.timeout(BUILDING_SECONDS_MAX):
                    await whole.wait()
            except TimeoutError:
                pass
            finally:
                self._waiting -= 1
        self.refuse(tenant)

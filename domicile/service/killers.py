"""Inputs that cost a decoder process, so that each costs one process and not one per request."""

from __future__ import annotations

from collections import Counter, OrderedDict

from domicile.service.pool_files import SourceFile, digest


class Killers:
    """A bounded memory, least recently met first out, of SHA-256 over (source, job). Nothing is ever forgiven by time:
    the same bytes and the same job do the same again. It lives as long as its process.

    Sources whose length no killer has are not hashed: an honest one costs a dictionary look-up.
    """

    def __init__(self, length_max: int) -> None:
        self._length_max = length_max
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._sizes: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    async def knows(self, source: SourceFile, job: bytes) -> bool:
        if source.size not in self._sizes:
            return False
        key = await digest(source, job)
        if key not in self._known:
            return False
        self._known.move_to_end(key)
        return True

    async def remember(self, source: SourceFile, job: bytes) -> None:
        key = await digest(source, job)
        if key not in self._known:
            self._known[key] = source.size
            self._sizes[source.size] += 1
        while len(self._known) > self._length_max:
            _, size = self._known.popitem(last=False)
            self._sizes[size] -= 1
            if not self._sizes[size]:
                del self._sizes[size]

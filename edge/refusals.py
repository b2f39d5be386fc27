"""What could not be made, remembered: a file that cannot be decoded costs one decoder and not one for each request.

Judged by the fence like a stored picture, so an overwrite or a purge forgets it at once (decisions K).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError, UndecodableMedia
from edge.store.port import Judged

REFUSALS_MAX = 10_000
REFUSAL_SECONDS_MAX = 600.0

LASTING = (BadTransformation, LimitExceeded, UndecodableMedia)
"""Errors that the same bytes and the same transformation give again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One (aid, transformation) that cannot be made."""

    tenant: str
    contributors: tuple[Aid, ...]
    names: tuple[NameHash, ...]
    epoch: int
    sequence: int
    kind: type[MediaError]
    message: str
    until: float
    """Monotonic seconds."""


class Refusals:
    """By cache key."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Refusal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, key: str, refusal: Refusal) -> None:
        self._known[key] = refusal
        self._known.move_to_end(key)
        while len(self._known) > REFUSALS_MAX:
            self._known.popitem(last=False)

    def check(self, key: str, is_fresh: Callable[[Judged], bool], *, now: float) -> None:
        """Raise the error that is remembered for this key."""
        refusal = self._known.get(key)
        if refusal is None:
            return
        if now >= refusal.until or not is_fresh(refusal):
            del self._known[key]
            return
        raise refusal.kind(refusal.message)

    def drop_stale(self, tenant: str, is_fresh: Callable[[Judged], bool]) -> None:
        """Of this tenant, what its fence forbids: the keys hold names in the clear."""
        for key in [key for key, one in self._known.items() if one.tenant == tenant and not is_fresh(one)]:
            del self._known[key]

    def clear(self) -> None:
        self._known.clear()

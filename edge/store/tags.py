"""Which keys carry which aid, name or tenant, so that a purge finds what it concerns without looking at everything."""

from __future__ import annotations

from collections.abc import Iterable

from edge.store.port import Judged, tags_of


class Tags:
    """Keys by tag."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def add(self, key: str, judged: Judged) -> None:
        for tag in tags_of(judged):
            self._keys.setdefault(tag, set()).add(key)

    def discard(self, key: str, judged: Judged) -> None:
        for tag in tags_of(judged):
            keys = self._keys.get(tag)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._keys[tag]

    def keys(self, tags: Iterable[str]) -> set[str]:
        """Those that carry at least one of the tags."""
        return {key for tag in tags for key in self._keys.get(tag, ())}

    def clear(self) -> None:
        self._keys.clear()

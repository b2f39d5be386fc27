"""Which keys carry which aid, name or tenant, so that a purge finds what it concerns without looking at everything."""

from __future__ import annotations

from collections.abc import Iterable

from edge.store.port import Judged, tags_of


class Tags:
    """Keys by tag. Most aids and names lead to one key, which stands there by itself: a set of one takes 200 bytes."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, str | set[str]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, judged: Judged) -> None:
        for tag in tags_of(judged):
            known = self._keys.setdefault(tag, key)
            if isinstance(known, set):
                known.add(key)
            elif known != key:
                self._keys[tag] = {known, key}

    def discard(self, key: str, judged: Judged) -> None:
        for tag in tags_of(judged):
            known = self._keys.get(tag)
            if isinstance(known, set):
                known.discard(key)
                if not known:
                    del self._keys[tag]
            elif known == key:
                del self._keys[tag]

    def keys(self, tags: Iterable[str]) -> set[str]:
        """Those that carry at least one of the tags."""
        found: set[str] = set()
        for tag in tags:
            known = self._keys.get(tag)
            if isinstance(known, set):
                found |= known
            elif known is not None:
                found.add(known)
        return found

    def clear(self) -> None:
        self._keys.clear()

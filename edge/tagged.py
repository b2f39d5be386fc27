"""Names by what they are found by: many tags lead to one name, which stands there by itself, since a set takes 200 bytes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Tagged(Generic[T]):
    """Names by tag."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[T, str | set[str]] = {}

    def __len__(self) -> int:
        """How many tags there are."""
        return len(self._names)

    def add(self, name: str, tags: Iterable[T]) -> None:
        for tag in tags:
            known = self._names.setdefault(tag, name)
            if isinstance(known, set):
                known.add(name)
            elif known != name:
                self._names[tag] = {known, name}

    def discard(self, name: str, tags: Iterable[T]) -> None:
        for tag in tags:
            known = self._names.get(tag)
            if isinstance(known, set):
                known.discard(name)
                if not known:
                    del self._names[tag]
            elif known == name:
                del self._names[tag]

    def names(self, tags: Iterable[T]) -> set[str]:
        """Those that carry at least one of the tags."""
        found: set[str] = set()
        for tag in tags:
            known = self._names.get(tag)
            if isinstance(known, set):
                found |= known
            elif known is not None:
                found.add(known)
        return found

    def clear(self) -> None:
        self._names.clear()

"""A document of the index: one row of plain values, and rows for what it can have many of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from origin.search.values import Scalar
from origin.search.words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Plaintext: memory, or tables that are not logged."""

    scalars: dict[str, Scalar]
    values: dict[tuple[str, str], float | None] = field(default_factory=dict)
    """(field, value) -> the number that it is, if it is one."""
    texts: frozenset[tuple[str, str]] = frozenset()
    """(field, words of one value, with a space around each): what words are looked for in."""

    @property
    def words(self) -> Iterator[tuple[str, str]]:
        """(field, word), each once."""
        return iter({(name, word) for name, text in self.texts for word in text.split()})


def text_of(name: str, text: str) -> tuple[str, str] | None:
    """What words of a value are looked for in; None when it has none."""
    words = words_of(text)
    return (name, f" {' '.join(words)} ") if words else None


def folder_document(path: str, created_at: float | None) -> Document:
    name = path.rpartition("/")[2]
    texts = frozenset(text for text in (text_of("path", path), text_of("name", name)) if text is not None)
    return Document(scalars={"path": path, "name": name, "created_at": created_at}, texts=texts)

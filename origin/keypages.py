"""Pages and index of the key tree as files: sealed, in two places, the first place written and read first.

index-<r>          AES-256-GCM under root r, or a key that root r wraps: [page number, root it was born under, page key]
page-<n>-<born>    AES-256-GCM under its page key: up to 256 of [id, data key]
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag

from origin.keyfiles import write_durably
from origin.roots.port import KeyringBroken, RootGone, SealingKey

PAGE_KEYS_MAX = 256
ID_BYTES = 16
PLACES = ("a", "b")

Opener = Callable[[bytes, bytes], bytes]
"""Sealed bytes and what they are bound to -> plain ones. Raises InvalidTag or ValueError for what is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; replaced as a whole, never changed."""

    number: int
    born: int
    key: bytes = field(repr=False)
    slots: Mapping[bytes, bytes] = field(repr=False)

    @property
    def file(self) -> str:
        return f"page-{self.number}-{self.born}"

    @property
    def binding(self) -> bytes:
        return f"domicile/key-page\0{self.number}\0{self.born}".encode()

    def sealed(self) -> bytes:
        return SealingKey(key=self.key).seal(msgspec.msgpack.encode(list(self.slots.items())), self.binding)


def _index_binding(number: int) -> bytes:
    return f"domicile/key-index\0{number}".encode()


def write_places(directory: Path, file: str, content: bytes) -> None:
    for place in PLACES:
        write_durably(directory / place / file, content)


def _open(directory: Path, file: str, opener: Opener, binding: bytes, places: tuple[str, ...]) -> bytes:
    for place in places:
        try:
            return opener((directory / place / file).read_bytes(), binding)
        except (FileNotFoundError, InvalidTag, ValueError):
            continue
    raise KeyringBroken(f"{file} cannot be opened in {' or '.join(places)}")


def read_pages(
    directory: Path, number: int, opener: Opener, places: tuple[str, ...] = PLACES, only: Container[int] | None = None
) -> dict[int, Page]:
    """The pages that the index names; `only` some of them. The first place that opens wins. `opener`: of the index."""
    raw = _open(directory, f"index-{number}", opener, _index_binding(number), places)
    pages = {}
    for page_number, born, key in msgspec.msgpack.decode(raw, type=list[tuple[int, int, bytes]]):
        if only is not None and page_number not in only:
            continue
        page = Page(number=page_number, born=born, key=key, slots={})
        content = _open(directory, page.file, SealingKey(key=key).open, page.binding, places)
        slots = dict(msgspec.msgpack.decode(content, type=list[tuple[bytes, bytes]]))
        pages[page_number] = replace(page, slots=slots)
    return pages


def refuse_orphans(directory: Path) -> None:
    """A missing head beside existing pages is damage, not a first start: never paper over it with a new root."""
    if any(file for place in PLACES for file in (directory / place).glob("page-*")):
        raise KeyringBroken("pages without a head")


def sealed_index(number: int, key: SealingKey, pages: Mapping[int, Page]) -> bytes:
    rows = [[page.number, page.born, page.key] for page in pages.values()]
    return key.seal(msgspec.msgpack.encode(rows), _index_binding(number))


def pages_or_none(directory: Path, number: int, opener: Opener, place: str) -> dict[int, Page] | None:
    try:
        return read_pages(directory, number, opener, places=(place,))
    except RootGone:
        raise
    except KeyringBroken:
        return None

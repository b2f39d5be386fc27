"""The roots of one keyring by their numbers, wherever they are.

    KEYS/root-<r>      the root itself, 32 bytes; or where it is: {"store": "pkcs11", "name": …}
    KEYS/past-roots    which kinds of store held roots before, up to which number and when

The file that says where a root is is written before the root is made and removed after it is destroyed, so that no crash
leaves a root that nobody knows of. Roots of another installation in the same store are never touched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from domicile.media.keys import KEY_BYTES
from origin.keyfiles import remove, write_durably
from origin.roots.files import FileRoots
from origin.roots.port import KeyringBroken, RootGone, RootKind, RootStore, RootUnavailable, SealingKey

ROOT_FILE = re.compile(r"root-(\d+)")
PAST_FILE = "past-roots"
PAST_MAX = 64
"""Changes of the kind of store that are remembered, the last ones."""


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a root is."""

    store: RootKind
    name: str


class Past(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roots up to this number lay in a store of this kind, until then."""

    kind: RootKind
    number: int
    until: int


@dataclass(slots=True)
class IndexReader:
    """Opens what is sealed under one root, and remembers by which key."""

    roots: Roots
    number: int
    key: SealingKey | None = None

    def open(self, sealed: bytes, binding: bytes) -> bytes:
        """Raises RootGone, RootUnavailable; InvalidTag and ValueError for what is damaged."""
        known = self.key
        if known is None or not sealed.startswith(known.header):
            known = self.roots.key_of(self.number, sealed)
        plain = known.open(sealed, binding)
        self.key = self.key or known
        return plain


class Roots:
    """`wanted`: in which store new ones are made."""

    def __init__(self, directory: Path, stores: Mapping[RootKind, RootStore], wanted: RootKind) -> None:
        self.directory = directory
        self._stores = stores
        self.wanted = wanted

    @classmethod
    def in_files(cls, directory: Path) -> Roots:
        return cls(directory, {RootKind.FILE: FileRoots(directory)}, RootKind.FILE)

    def create(self, number: int) -> None:
        store = self._store(self.wanted)
        name = store.new_name(number)
        if store.kind is not RootKind.FILE:
            write_durably(self._file(number), msgspec.json.encode(Reference(store=store.kind, name=name)))
        store.create(name)

    def is_there(self, number: int) -> bool:
        try:
            store, name = self._find(number)
        except RootGone:
            return False
        return store.has(name)

    def kind_of(self, number: int) -> RootKind:
        """Raises RootGone."""
        return self._reference(number).store

    def fresh_key(self, number: int) -> SealingKey:
        store, name = self._find(number)
        return store.fresh_key(name)

    def key_of(self, number: int, sealed: bytes) -> SealingKey:
        store, name = self._find(number)
        return store.key_of(name, sealed)

    def destroy(self, number: int, *, living: int) -> float | None:
        """`living`: the root in force. Returns when a store destroys it that only locks it now."""
        try:
            store, name = self._find(number)
        except RootGone:
            return None
        until = store.destroy(name, beside=self._beside(living, store.kind))
        if until is None and store.kind is not RootKind.FILE:
            remove(self._file(number))
        return until

    def strays(self, number: int) -> int:
        """How many roots the store of this one has that no file of this keyring names: another keyring's."""
        store, _ = self._find(number)
        numbers = (found[1] for file in self.directory.iterdir() if (found := ROOT_FILE.fullmatch(file.name)))
        return len(store.live() - {self._reference(int(one)).name for one in numbers})

    def _beside(self, living: int, kind: RootKind) -> str | None:
        try:
            reference = self._reference(living)
        except RootGone:
            return None
        return reference.name if reference.store is kind else None

    def past(self) -> tuple[Past, ...]:
        try:
            return tuple(msgspec.json.decode((self.directory / PAST_FILE).read_bytes(), type=list[Past]))
        except FileNotFoundError:
            return ()
        except msgspec.MsgspecError as bad:
            raise KeyringBroken(f"{PAST_FILE} cannot be read") from bad

    def remember(self, number: int) -> None:
        """The root of this number is the last one of its kind."""
        past = [one for one in self.past() if one.number != number]
        past.append(Past(kind=self.kind_of(number), number=number, until=int(time.time())))
        write_durably(self.directory / PAST_FILE, msgspec.json.encode(past[-PAST_MAX:]))

    def _file(self, number: int) -> Path:
        return self.directory / f"root-{number}"

    def _reference(self, number: int) -> Reference:
        try:
            raw = self._file(number).read_bytes()
        except FileNotFoundError as lost:
            raise RootGone(f"root {number} is gone") from lost
        if len(raw) == KEY_BYTES:
            return Reference(store=RootKind.FILE, name=self._file(number).name)
        try:
            return msgspec.json.decode(raw, type=Reference)
        except msgspec.MsgspecError as bad:
            raise KeyringBroken(f"root-{number} is neither a root nor says where it is") from bad

    def _find(self, number: int) -> tuple[RootStore, str]:
        reference = self._reference(number)
        return self._store(reference.store), reference.name

    def _store(self, kind: RootKind) -> RootStore:
        if kind not in self._stores:
            raise RootUnavailable(f"a root lies in a store of the kind {kind}, which the settings do not name")
        return self._stores[kind]

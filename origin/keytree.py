"""The key tree on disk: root -> index of page keys -> pages of 256 data keys. Losing the old root forgets for good.

    KEYS/root-<r>                    32 random bytes, or where they are (origin/roots): all that must be truly forgotten
    KEYS/head                        the number of the root in force
    KEYS/rotation-<r>                ids that the rotation towards root r takes out (pseudonyms, no keys)
    KEYS/{a,b}/index-<r>             sealed under root r, or a key that it wraps: [page number, root it was born under, page key]
    KEYS/{a,b}/page-<n>-<born>       sealed under its page key: up to 256 of [id, data key]

Taking keys out (puncture), decisions E.1:
    1 write the ids aside and create root r+1           2 write the changed pages and a new index under it to two places,
    and read them back          3 commit: `head` says r+1          4 destroy root r, then whatever nothing living names
A crash before 3 leaves two roots and head = r: step 2 is done again. A crash after 3: step 4 is done again.
Whoever holds every older snapshot of a and b but only the living root cannot open what was taken out.
When roots are to lie in a store of another kind, the start takes nothing out in the same way, and renews all pages.

An I/O error is not a crash: the process goes on, so memory must say what the disk says. Before 3 nothing has changed. At 3
it is not known which root a restart would find: nothing more is written until `head` could be written again. After 3 the
new root is in force, and what could not be destroyed is owed: every later puncture tries again and fails until it is gone.
A store of roots that cannot be reached is such an error (RootUnavailable), and so is one that destroys only later (RootLocked).

Rules of the file: synchronous, one caller at a time, no asyncio. Memory changes only after the disk did.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from domicile.media.keys import KEY_BYTES
from origin.keyfiles import destroy, write_durably
from origin.keypages import (
    ID_BYTES,
    PAGE_KEYS_MAX,
    PLACES,
    Page,
    pages_or_none,
    read_pages,
    refuse_orphans,
    sealed_index,
    write_places,
)
from origin.roots.port import KeyringBroken, RootLocked, SealingKey
from origin.roots.roots import ROOT_FILE, IndexReader, Roots


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A puncture between its second and its fourth step."""

    number: int
    key: SealingKey
    """Of the index."""
    pages: Mapping[int, Page]


_OWN = re.compile(r"(head|(root|rotation|index)-\d+|page-\d+-\d+)(\.tmp)?")
"""Names that this file writes, finished or torn; nothing else in the directory is touched."""


class KeyTree:
    """All keys in memory, mirrored by the files. `open` reads or creates them and finishes an interrupted puncture."""

    def __init__(self, roots: Roots, number: int, key: SealingKey, pages: Mapping[int, Page]) -> None:
        self.roots = roots
        self._directory = roots.directory
        self._number = number
        self._key = key
        """Of the index: with it pages are added while the store of the root is away."""
        self._pages = dict(pages)
        self._page_of = {key_id: page.number for page in pages.values() for key_id in page.slots}
        self._roomy = {page.number for page in pages.values() if len(page.slots) < PAGE_KEYS_MAX}
        self._next_page = max(pages, default=-1) + 1
        self._undecided: Rotation | None = None
        """A rotation whose third step failed: a restart may find either root."""
        self._owes = False
        """Are there files that should have been destroyed?"""
        self.locked_until = 0.0
        """When a store destroys the last root that it has only locked; 0: none is locked."""
        self.kind = roots.kind_of(number)
        self.past = roots.past()

    @classmethod
    def open(cls, directory: Path, roots: Roots | None = None) -> KeyTree:
        """Read the tree; an empty directory gets a first root. Raises KeyringBroken, RootUnavailable."""
        roots = roots or Roots.in_files(directory)
        for place in PLACES:
            (directory / place).mkdir(mode=0o700, exist_ok=True)
        if not (directory / "head").exists():
            return cls._begun(directory, roots)
        number = int((directory / "head").read_bytes())
        reader = IndexReader(roots, number)
        pages = read_pages(directory, number, reader.open)
        assert reader.key is not None
        tree = cls(roots, number, reader.key, pages)
        tree._mend()
        tree._resume()
        tree._move()
        return tree

    @classmethod
    def _begun(cls, directory: Path, roots: Roots) -> KeyTree:
        refuse_orphans(directory)
        roots.destroy(1, living=0)  # of a start that crashed
        roots.create(1)
        key = roots.fresh_key(1)
        write_places(directory, "index-1", sealed_index(1, key, {}))
        write_durably(directory / "head", b"1")
        return cls(roots, 1, key, {})

    @property
    def number(self) -> int:
        """Number of the root in force; every puncture adds one."""
        return self._number

    @property
    def owes(self) -> bool:
        """Has a puncture been left half done? The next one, of whatever, tries to finish it."""
        return self._owes or self._undecided is not None

    def __len__(self) -> int:
        return len(self._page_of)

    def __contains__(self, key_id: bytes) -> bool:
        return key_id in self._page_of

    def get(self, key_id: bytes) -> bytes | None:
        number = self._page_of.get(key_id)
        return (
            None if number is None else self._pages[number].slots.get(key_id)
        )  # a writer thread may be replacing the page

    def ids(self) -> frozenset[bytes]:
        return frozenset(self._page_of)

    def add(self, keys: Mapping[bytes, bytes]) -> None:
        """Store keys durably in both places. Raises ValueError for an id that is known or of the wrong size."""
        self._decide()
        for key_id, key in keys.items():
            if len(key_id) != ID_BYTES or len(key) != KEY_BYTES or key_id in self._page_of:
                raise ValueError("ids are new and of 16 bytes, keys of 32")
        changed, fresh = self._place(keys)
        for page in changed:
            write_places(self._directory, page.file, page.sealed())
        pages = {**self._pages, **{page.number: page for page in changed}}
        if fresh:  # a page counts once the index names it; a crash before leaves a file that nothing opens
            self._write_index(self._number, self._key, pages)
        for page in changed:
            self._take(page)

    def _place(self, keys: Mapping[bytes, bytes]) -> tuple[list[Page], bool]:
        """Which pages hold the new keys, and whether one of them is new."""
        changed: list[Page] = []
        waiting, fresh = list(keys.items()), False
        roomy = sorted(self._roomy)
        while waiting:
            if roomy:
                page = self._pages[roomy.pop(0)]
            else:
                page = Page(number=self._next_page, born=self._number, key=os.urandom(KEY_BYTES), slots={})
                self._next_page += 1  # never used again, even if this fails: an index may name the file already
                fresh = True
            room = PAGE_KEYS_MAX - len(page.slots)
            changed.append(replace(page, slots={**page.slots, **dict(waiting[:room])}))
            del waiting[:room]
        return changed, fresh

    def _take(self, page: Page) -> None:
        before = self._pages.get(page.number)
        for key_id in (before.slots if before else {}).keys() - page.slots.keys():
            del self._page_of[key_id]
        self._pages[page.number] = page
        self._page_of.update(dict.fromkeys(page.slots, page.number))
        (self._roomy.add if len(page.slots) < PAGE_KEYS_MAX else self._roomy.discard)(page.number)

    # --- puncture -------------------------------------------------------------------------------------------------

    def puncture(self, ids: Iterable[bytes]) -> int:
        """Forget these keys; unknown ids are fine. Returns how many were there. Nothing is forgotten before the return.

        After an error some may be out of memory already, and none may be called destroyed: call again.
        """
        self._decide()
        present = sorted({key_id for key_id in ids if key_id in self._page_of})
        if present:
            self.begin(present)
            self.commit(self.prepare(present))
        self.finish()
        return len(present)

    def begin(self, ids: Iterable[bytes]) -> None:
        """Step 1: the intent, and the next root."""
        number = self._number + 1
        until = self.roots.destroy(number, living=self._number)  # of an attempt that failed: it must open nothing
        if until is not None:
            raise RootLocked(until)
        write_durably(self._directory / f"rotation-{number}", b"".join(ids))
        self.roots.create(number)

    def prepare(self, ids: Iterable[bytes]) -> Rotation:
        """Step 2: changed pages under fresh keys, a new index under the new root; both places, read back."""
        number = self._number + 1
        key = self.roots.fresh_key(number)
        leaving = set(ids)
        touched = {self._page_of[key_id] for key_id in leaving if key_id in self._page_of}
        if self._moves_to(number):  # whoever finds the old root again shall not open pages of now
            touched = set(self._pages)
        pages = dict(self._pages)
        for page in (self._pages[n] for n in sorted(touched)):
            slots = {key_id: key for key_id, key in page.slots.items() if key_id not in leaving}
            pages[page.number] = Page(number=page.number, born=number, key=os.urandom(KEY_BYTES), slots=slots)
            write_places(self._directory, pages[page.number].file, pages[page.number].sealed())
        self._write_index(number, key, pages)
        written = {n: pages[n] for n in touched}
        for place in PLACES:
            reader = IndexReader(self.roots, number)  # which asks the store: that it can open this is to be seen
            if read_pages(self._directory, number, reader.open, places=(place,), only=touched) != written:
                raise KeyringBroken(f"place {place} does not read back")
        return Rotation(number=number, key=key, pages=pages)

    def commit(self, rotation: Rotation) -> None:
        """Step 3: from here on a restart, and this process, use the new root."""
        if self._moves_to(rotation.number):
            self.roots.remember(self._number)
        self._undecided = rotation
        write_durably(self._directory / "head", str(rotation.number).encode())
        self._undecided, self._owes = None, True
        self._number, self._key = rotation.number, rotation.key
        self.kind, self.past = self.roots.kind_of(rotation.number), self.roots.past()
        for page in rotation.pages.values():
            self._take(page)

    def _decide(self) -> None:
        """Write `head` again if the last attempt failed; nothing else was written since, so it says the same."""
        if self._undecided is not None:
            self.commit(self._undecided)

    def finish(self) -> None:
        """Step 4: destroy what is owed. One bad file does not keep the others; raises the first OSError at the end."""
        if not self._owes:
            return
        failures: list[OSError] = []
        for file in self._leftovers():
            try:
                self._destroy(file)
            except OSError as failed:
                failures.append(failed)
        self.locked_until = max((one.until for one in failures if isinstance(one, RootLocked)), default=0.0)
        if failures:
            raise failures[0]
        self._owes = False

    def _destroy(self, file: Path) -> None:
        root = ROOT_FILE.fullmatch(file.name)
        if root is None:
            destroy(file)
        elif (until := self.roots.destroy(int(root[1]), living=self._number)) is not None:
            raise RootLocked(until)

    @property
    def _is_home(self) -> bool:
        """Does the root in force lie where roots are wanted?"""
        return self.kind is self.roots.wanted

    def _moves_to(self, number: int) -> bool:
        """Does the root of that number lie in a store of another kind than the one in force?"""
        return self.roots.kind_of(number) is not self.kind

    def _resume(self) -> None:
        """Finish what a crash interrupted, then remove what nothing opens."""
        intent = self._directory / f"rotation-{self._number + 1}"
        if intent.exists():
            raw = intent.read_bytes()
            ids = [raw[n : n + ID_BYTES] for n in range(0, len(raw), ID_BYTES)]
            if ids or not self._is_home:  # else: a move to another store that is not wanted any more
                if not self.roots.is_there(self._number + 1):
                    self.begin(ids)
                self.commit(self.prepare(ids))
        self._owes = True
        with contextlib.suppress(OSError):  # it stays owed: no puncture succeeds before it is gone
            self.finish()

    def _move(self) -> None:
        """Roots are wanted in a store of another kind: a puncture of nothing, which renews all pages."""
        if self._is_home:
            return
        self.begin(())
        self.commit(self.prepare(()))
        with contextlib.suppress(OSError):  # as above
            self.finish()

    def _leftovers(self) -> Iterator[Path]:
        """Files of ours that nothing living names; roots first, because they open everything else."""
        living = {"head", f"root-{self._number}"}
        files = sorted(self._directory.iterdir(), key=lambda file: (not file.name.startswith("root-"), file.name))
        yield from (file for file in files if _OWN.fullmatch(file.name) and file.name not in living)
        living = {page.file for page in self._pages.values()} | {f"index-{self._number}"}
        for place in PLACES:
            files = sorted((self._directory / place).iterdir())
            yield from (file for file in files if _OWN.fullmatch(file.name) and file.name not in living)

    def _mend(self) -> None:
        """Bring a place up to date that a crash (or a lost disk) left behind: the first place is written first."""
        reader = IndexReader(self.roots, self._number, self._key)
        behind = {place: pages_or_none(self._directory, self._number, reader.open, place) for place in PLACES}
        for place, pages in behind.items():
            if pages == self._pages:
                continue
            sealed = sealed_index(self._number, self._key, self._pages)
            for page in self._pages.values():
                write_durably(self._directory / place / page.file, page.sealed())
            write_durably(self._directory / place / f"index-{self._number}", sealed)

    def _write_index(self, number: int, key: SealingKey, pages: Mapping[int, Page]) -> None:
        write_places(self._directory, f"index-{number}", sealed_index(number, key, pages))

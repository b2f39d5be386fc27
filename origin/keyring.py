"""The keyring: the key tree behind an asyncio face, with group commit and names for keys that belong to no asset.

Adding is durable before it returns; concurrent adds share one write. Puncturing waits PUNCTURE_WINDOW_SECONDS for others,
so that a burst of erasures costs one change of root.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from domicile.media.asset import Aid
from domicile.media.errors import Overloaded
from domicile.media.keys import KEY_BYTES
from origin.keyfiles import prepare_directory
from origin.keypages import ID_BYTES
from origin.keytree import KeyTree
from origin.roots.roots import Past, Roots
from origin.shield import Shield

PUNCTURE_WINDOW_SECONDS = 0.05
"""How long the first puncture of a batch waits for more (at most 0.25 by decision E.1)."""
WAITING_MAX = 4096
"""Adds, or punctures, that may wait for the disk at once."""


def aid_id(aid: Aid) -> bytes:
    return bytes.fromhex(aid)


def purpose_id(*parts: str) -> bytes:
    """Where a key lives that is not an asset's: a tenant's secret, the installation's signing key."""
    return hashlib.blake2b("\0".join(("domicile/purpose", *parts)).encode(), digest_size=ID_BYTES).digest()


class Keyring:
    """All data keys and secrets of one origin."""

    def __init__(
        self, tree: KeyTree, shield: Shield, *, puncture_window_seconds: float = PUNCTURE_WINDOW_SECONDS
    ) -> None:
        self._tree = tree
        self._shield = shield
        self._window = puncture_window_seconds
        self._disk = asyncio.Lock()
        self._adding: list[tuple[bytes, bytes, asyncio.Future[None]]] = []
        self._leaving: list[tuple[frozenset[bytes], asyncio.Future[int]]] = []

    @classmethod
    async def open(
        cls, directory: Path, *, data: Path, shield: Shield, roots: Callable[[Path], Roots] = Roots.in_files
    ) -> Keyring:
        """Raises BadSetting for a directory that is unsafe, KeyringBroken for damaged files, RootUnavailable."""

        def read() -> KeyTree:
            prepare_directory(directory, data)
            return KeyTree.open(directory, roots(directory))

        return cls(await asyncio.to_thread(read), shield)

    @property
    def root_number(self) -> int:
        return self._tree.number

    @property
    def owes(self) -> bool:
        """Is an old root left that has to go?"""
        return self._tree.owes

    @property
    def root_kind(self) -> str:
        """In which kind of store the root in force is."""
        return str(self._tree.kind)

    @property
    def past_roots(self) -> tuple[Past, ...]:
        """Where roots were before: what was kept then was under them."""
        return self._tree.past

    @property
    def locked_until(self) -> float:
        """When the last root is destroyed that its store has only locked; 0: there is none."""
        return self._tree.locked_until

    def __len__(self) -> int:
        return len(self._tree)

    def get(self, key_id: bytes) -> bytes | None:
        return self._tree.get(key_id)

    def of(self, aid: Aid) -> bytes | None:
        """The data key of an aid; None once it is punctured."""
        return self._tree.get(aid_id(aid))

    def ids(self) -> frozenset[bytes]:
        return self._tree.ids()

    async def create(self, key_id: bytes) -> bytes:
        """A new random key, durable on return."""
        key = os.urandom(KEY_BYTES)
        if len(self._adding) >= WAITING_MAX:
            raise Overloaded("too many uploads at once")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._adding.append((key_id, key, stored))
        if len(self._adding) == 1:
            self._shield.spawn(self._flush())
        await asyncio.shield(stored)
        return key

    async def get_or_create(self, key_id: bytes) -> bytes:
        """The key of a purpose; callers are serial (start-up, creation of a tenant)."""
        return self.get(key_id) or await self.create(key_id)

    async def puncture(self, ids: Iterable[bytes]) -> int:
        """Forget keys; on return the old root is destroyed. Returns the number of the root in force then."""
        wanted = frozenset(ids)
        if not self._tree.owes and not any(key_id in self._tree for key_id in wanted):
            return self._tree.number
        if len(self._leaving) >= WAITING_MAX:
            raise Overloaded("too many erasures at once")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._leaving.append((wanted, done))
        if len(self._leaving) == 1:
            self._shield.spawn(self._rotate())
        return await asyncio.shield(done)

    async def _flush(self) -> None:
        async with self._disk:  # whoever comes while the disk is busy joins the next batch
            batch, self._adding = self._adding, []
            try:
                await asyncio.to_thread(self._tree.add, {key_id: key for key_id, key, _ in batch})
            except Exception as failed:  # noqa: BLE001 - whatever it is, it belongs to those who wait
                _fail([stored for *_, stored in batch], failed)
            else:
                for *_, stored in batch:
                    stored.set_result(None)

    async def _rotate(self) -> None:
        await asyncio.sleep(self._window)
        async with self._disk:
            batch, self._leaving = self._leaving, []
            try:
                await asyncio.to_thread(self._tree.puncture, frozenset().union(*(ids for ids, _ in batch)))
            except Exception as failed:  # noqa: BLE001 - whatever it is, it belongs to those who wait
                _fail([done for _, done in batch], failed)
            else:
                for _, done in batch:
                    done.set_result(self._tree.number)


def _fail(waiting: Iterable[asyncio.Future[None]] | Iterable[asyncio.Future[int]], error: Exception) -> None:
    for future in waiting:
        future.set_exception(error)
        future.exception()  # read once: a caller who has gone leaves no warning

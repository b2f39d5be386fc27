"""The audit log: leaves that nobody can change or take out again without being found out (erasure design 3.7).

    append   in the transaction that ends what the leaf tells of: the locked row of `audit_log` orders them, without gaps
    publish  after the commit: leaves go to a file beside DATA, synced; only then does a checkpoint cover them

A catalogue that is put back older than that file gets the missing leaves from it before anything is served, so the log
never forks quietly; a file that tells of another past stops the start. Leaves hold numbers and hashes, nobody's name.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media import merkle
from domicile.media.checkpoint import Checkpoint, sign_checkpoint
from domicile.media.errors import BadRequest, UpstreamUnavailable
from domicile.media.merkle import Span, Subtree
from domicile.media.receipt import InLog
from domicile.media.statement import key_id, public_key_of
from origin.catalogue import tables as t
from origin.catalogue.engine import Database
from origin.keyfiles import sync_directory
from origin.keyring import Keyring, purpose_id

LEAF_BYTES_MAX = 4096
LEAVES_PER_ANSWER_MAX = 1000
AUDIT_FILE = "audit"
LOG_KEY = purpose_id("installation", "audit log")


class AuditForked(Exception):
    """The catalogue and the file beside DATA tell of two pasts. The text names the file and the place."""


class AuditFile:
    """The leaves once more, a line each, in a file of its own. Synchronous."""

    def __init__(self, path: Path) -> None:
        """A last line without its end was being written when the power went, and is cut off."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with path.open("rb") as file:
            self._leaves = [line[:-1] for line in file if line.endswith(b"\n")]
        os.ftruncate(self._handle, sum(len(leaf) + 1 for leaf in self._leaves))
        sync_directory(path.parent)

    def close(self) -> None:
        os.close(self._handle)

    def taken_leaves(self) -> list[bytes]:
        """Those of the start; once."""
        leaves, self._leaves = self._leaves, []
        return leaves

    def append(self, leaves: Iterable[bytes]) -> None:
        """Durable on return. Raises OSError; half a line that this leaves is taken back."""
        end = os.fstat(self._handle).st_size
        try:
            for leaf in leaves:
                os.write(self._handle, leaf + b"\n")
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, end)
            raise


class AuditLog:
    """The log of one installation."""

    def __init__(self, database: Database, keyring: Keyring, file: AuditFile) -> None:
        self._database = database
        self._keyring = keyring
        self._file = file
        self._published = 0
        self._publishing = asyncio.Lock()

    # --- who signs ----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Of the log, as its checkpoints give it: another key is another log."""
        return f"domicile-log/{key_id(self.public_key)}"

    @property
    def public_key(self) -> bytes:
        return public_key_of(self._seed())

    def _seed(self) -> bytes:
        seed = self._keyring.get(LOG_KEY)
        if seed is None:
            raise RuntimeError("the log's key is made at start")
        return seed

    # --- writing ------------------------------------------------------------------------------------------------------

    async def reconcile(self) -> None:
        """At start: what only the catalogue has goes to the file, what only the file has to the catalogue. AuditForked."""
        leaves = self._file.taken_leaves()
        async with self._database.read() as connection:
            size = await _size(connection)
            for start in range(0, min(size, len(leaves)), LEAVES_PER_ANSWER_MAX):
                known = await _leaves(connection, start, min(start + LEAVES_PER_ANSWER_MAX, size, len(leaves)))
                if known != leaves[start : start + len(known)]:
                    raise AuditForked(f"{self._file.path} tells of another past than the catalogue, after leaf {start}")
        async with self._database.write() as connection:
            for leaf in leaves[size:]:
                await self.append(connection, leaf)
        self._published = len(leaves)
        await self.publish()

    async def append(self, connection: AsyncConnection, leaf: bytes) -> int:
        """In a writing transaction: the leaf's index. Every other one that appends waits for its end."""
        if len(leaf) > LEAF_BYTES_MAX or b"\n" in leaf:
            raise ValueError("a leaf is one short line")
        counted = update(t.audit_log).values(size=t.audit_log.c.size + 1).returning(t.audit_log.c.size)
        index = int((await connection.execute(counted)).scalar_one()) - 1
        known = await _nodes(connection, merkle.before_completing(index))
        rows = [
            {"level": subtree.level, "number": subtree.number, "hash": made}
            for subtree, made in merkle.completed(index, merkle.leaf_hash(leaf), known.__getitem__)
        ]
        await connection.execute(insert(t.audit_leaf).values(number=index, leaf=leaf))
        await connection.execute(insert(t.audit_node), rows)
        return index

    async def publish(self) -> None:
        """After the commit: from here on checkpoints cover what was appended. UpstreamUnavailable; then they do not."""
        async with self._publishing:
            while True:
                async with self._database.read() as connection:
                    new = await _leaves(connection, self._published, self._published + LEAVES_PER_ANSWER_MAX)
                if not new:
                    return
                try:
                    await asyncio.to_thread(self._file.append, new)
                except OSError as full:
                    raise UpstreamUnavailable("The audit log cannot be written") from full
                self._published += len(new)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def checkpoint(self) -> str:
        """The signed note of now."""
        size = self._published
        async with self._database.read() as connection:
            return await self._note(connection, size)

    async def in_log(self, index: int) -> InLog | None:
        """What shows that a leaf is in the log; None when no checkpoint covers it yet."""
        size = self._published
        if index >= size:
            return None
        spans = merkle.inclusion_spans(index, size)
        async with self._database.read() as connection:
            note = await self._note(connection, size)
            nodes = await _nodes(connection, merkle.needed(spans))
        return InLog(index=index, checkpoint=note, proof=merkle.proof(spans, nodes))

    async def consistency(self, before: int, size: int) -> list[bytes]:
        """What shows that the log of `size` begins with that of `before`. BadRequest for sizes that it never had."""
        if not 0 < before <= size <= self._published:
            raise BadRequest("No such part of the log")
        spans = merkle.consistency_spans(before, size)
        async with self._database.read() as connection:
            return merkle.proof(spans, await _nodes(connection, merkle.needed(spans)))

    async def leaves(self, start: int, end: int) -> list[bytes]:
        """Leaves from `start` up to `end`, at most LEAVES_PER_ANSWER_MAX, of those that a checkpoint covers."""
        async with self._database.read() as connection:
            return await _leaves(connection, start, min(end, start + LEAVES_PER_ANSWER_MAX, self._published))

    async def _note(self, connection: AsyncConnection, size: int) -> str:
        whole = Span(0, size)
        root = merkle.hash_of(whole, await _nodes(connection, merkle.needed([whole])))
        return sign_checkpoint(Checkpoint(origin=self.name, size=size, root=root), self._seed())


async def make_log_key(keyring: Keyring) -> None:
    """Once, at the first start."""
    await keyring.get_or_create(LOG_KEY)


async def _size(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(t.audit_log.c.size)) or 0)


async def _leaves(connection: AsyncConnection, start: int, end: int) -> list[bytes]:
    number = t.audit_leaf.c.number
    asked = select(t.audit_leaf.c.leaf).where(number >= start, number < end).order_by(number)
    return [bytes(leaf) for leaf in await connection.scalars(asked)]


async def _nodes(connection: AsyncConnection, wanted: Iterable[Subtree]) -> dict[Subtree, bytes]:
    found: dict[Subtree, bytes] = {}
    by_level: dict[int, list[int]] = {}
    for subtree in wanted:
        by_level.setdefault(subtree.level, []).append(subtree.number)
    for level, numbers in by_level.items():  # a proof asks for at most a few of each
        found |= await _of_level(connection, level, numbers)
    return found


async def _of_level(connection: AsyncConnection, level: int, numbers: Sequence[int]) -> dict[Subtree, bytes]:
    node = t.audit_node.c
    rows = await connection.execute(select(node.number, node.hash).where(node.level == level, node.number.in_(numbers)))
    return {Subtree(level, row.number): bytes(row.hash) for row in rows}

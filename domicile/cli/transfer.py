"""Assets that go into a cloud: several at a time, each tried again a few times, none that is there already, and to be gone on with.

Whatever the source (an account, a directory, a bucket), it gives items; what happens to each of them is the same. What has
been done is remembered by keyed hashes in a file, whose key is derived from the secret of the cloud: whoever finds the file
learns no names.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from domicile.cli.console import err, note
from domicile.cli.failure import Failure
from domicile.media.policy import Permit
from domicile.service.gate.account import AccountClient, Original, Refused

ASKED_AT_ONCE = 50
"""Names in one question to the cloud about what it has."""
JOURNAL_ENTRIES_MAX = 20_000_000
COMPLAINTS_MAX = 50
"""Failures that are told one by one."""
HASH_CHARS = 32
NONSENSE = "what is said of it makes no sense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One asset that may come."""

    resource_type: str
    delivery_type: str
    public_id: str
    mark: str
    """Changes when its content does: an etag, or size and time."""
    etag: str = ""
    """MD5 of the original in hex, where that is known before it is fetched."""
    fetch: Callable[[], Awaitable[tuple[Original, Mapping[str, str]]]] = field(repr=False)
    """The original, and what an upload says of it."""

    @property
    def key(self) -> str:
        return f"{self.resource_type}/{self.delivery_type}/{self.public_id}"


class Journal:
    """What has been done, in a file of one line for each."""

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        self._secret = hmac.digest(secret.encode(), b"domicile/import-journal", hashlib.sha256)
        self._done: set[str] = set()

    def read(self) -> int:
        """How many there are. Raises Failure."""
        try:
            with self._path.open("r", encoding="ascii") as file:
                for line in file:
                    self._done.add(line.strip())
                    if len(self._done) > JOURNAL_ENTRIES_MAX:
                        raise Failure(f"{self._path}: more than {JOURNAL_ENTRIES_MAX} entries")
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as bad:
            raise Failure(f"{self._path} cannot be read: {bad}") from bad
        return len(self._done)

    def knows(self, item: Item) -> bool:
        return self._hash(item) in self._done

    def add(self, item: Item) -> None:
        self._done.add(self._hash(item))
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "a", encoding="ascii") as file:
            file.write(self._hash(item) + "\n")

    def _hash(self, item: Item) -> str:
        return hmac.new(self._secret, f"{item.key}\0{item.mark}".encode(), hashlib.sha256).hexdigest()[:HASH_CHARS]


@dataclass(slots=True, kw_only=True)
class Transfer:
    """Into one cloud."""

    into: AccountClient
    permit: Permit
    journal: Journal
    concurrency: int
    is_dry: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, items: AsyncIterator[Item]) -> Counter[str]:
        """Counts of `uploaded`, `there` (already), `known` (from the journal), `failed`; with `is_dry` of `would upload`."""
        waiting: asyncio.Queue[Item | None] = asyncio.Queue(maxsize=2 * self.concurrency)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True) as shown:
            task = shown.add_task("assets", total=None)

            async def work() -> None:
                while (item := await waiting.get()) is not None:
                    outcome = await self._one(item)
                    self._count(outcome)
                    shown.advance(task)

            async def feed() -> None:
                found = 0
                async for item in self._missing(items):
                    found += 1
                    await waiting.put(item)
                    shown.update(task, total=found)
                for _ in range(self.concurrency):
                    await waiting.put(None)

            async with asyncio.TaskGroup() as group:
                for _ in range(self.concurrency):
                    group.create_task(work())
                group.create_task(feed())
        return self.counts

    async def _missing(self, items: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """Those that the cloud may not have yet."""
        batch: list[Item] = []
        async for item in items:
            if self.journal.knows(item):
                self._count("known")
                continue
            if batch and (len(batch) >= ASKED_AT_ONCE or _place(batch[0]) != _place(item)):
                for one in await self._not_there(batch):
                    yield one
                batch = []
            batch.append(item)
        for one in await self._not_there(batch):
            yield one

    async def _not_there(self, batch: list[Item]) -> list[Item]:
        if not batch:
            return []
        resource_type, delivery_type = _place(batch[0])
        query = [("public_ids[]", item.public_id) for item in batch]
        answer = await self.into.ask(self.permit, "GET", f"/resources/{resource_type}/{delivery_type}", query)
        etags = {row["public_id"]: row.get("etag") for row in answer.get("resources", [])}
        missing = []
        for item in batch:
            if item.etag and etags.get(item.public_id) == item.etag:
                self._count("there")
                if not self.is_dry:
                    self.journal.add(item)
            else:
                missing.append(item)
        return missing

    async def _one(self, item: Item) -> str:
        if self.is_dry:
            return "would upload"
        try:
            original, fields = await item.fetch()
            with original:
                if await self._has(item, original.md5):
                    outcome = "there"
                else:
                    await self.into.upload(self.permit, item.resource_type, fields, original)
                    outcome = "uploaded"
        except (Refused, OSError, KeyError, TypeError, ValueError, AttributeError) as refused:
            if self.counts["failed"] < COMPLAINTS_MAX:
                note(f"{item.key}: {refused if isinstance(refused, Refused | OSError) else NONSENSE}")
            return "failed"
        self.journal.add(item)
        return outcome

    async def _has(self, item: Item, md5: str) -> bool:
        """Only where nobody could know before: a second question costs less than the upload."""
        if item.etag:
            return False
        query = [("public_ids[]", item.public_id)]
        path = f"/resources/{item.resource_type}/{item.delivery_type}"
        rows = (await self.into.ask(self.permit, "GET", path, query)).get("resources", [])
        return any(row.get("etag") == md5 for row in rows)

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1


def _place(item: Item) -> tuple[str, str]:
    return item.resource_type, item.delivery_type


def summary(counts: Mapping[str, int]) -> dict[str, Any]:
    """For people and programs."""
    order = (
        "uploaded", "exported", "would upload", "would export", "there", "known", "made", "would make", "settings there", "failed",
    )  # fmt: skip
    return {name: counts[name] for name in order if counts.get(name)}

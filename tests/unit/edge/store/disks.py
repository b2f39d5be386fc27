"""A disk tier on a real directory, with a played agent, and file system and clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from edge.messages import KeyRecord, StoredObject
from edge.metrics import Count
from edge.rendezvous import owner_of
from edge.store.disk import DiskStore
from edge.store.keeper import Keeper
from edge.store.port import Stored, StoredHead
from edge.store.room import Marks, Room, Space

KEY = b"k" * 32
REGION = "eu-de"


def permit(activity: Activity = Activity.CACHE, tenant: str = "demo") -> Permit:
    given = decide(from_mapping({"tenant": tenant}, home=REGION), activity, Place(name="edge", region=REGION), at=0.0)
    assert isinstance(given, Permit)
    return given


def file_name(number: int, *, slot: int = 0, workers: int = 1) -> str:
    """A name that this slot owns."""
    for salt in range(1000):
        name = f"{number:036x}{salt:04x}"
        if owner_of(name, range(workers)) == slot:
            return name
    raise AssertionError


async def whole_body(found: Stored) -> bytes:
    if isinstance(found.body, bytes):
        return found.body
    try:
        return b"".join([piece async for piece in found.body.pieces(0, found.body.body_bytes)])
    finally:
        found.body.close()


def stored(body: bytes = b"abc", *, aid: str = "a", sequence: int = 1) -> Stored:
    head = StoredHead(
        tenant="demo", contributors=(Aid(aid * 32),), names=(NameHash("1" * 32),), epoch=1, sequence=sequence,
        config_revision=1, stored_at=5.0, ttl_seconds=60.0, content_type="image/png", etag='"e"', body_bytes=len(body),
        format="png", content_info="",
    )  # fmt: skip
    return Stored(head=head, body=body)


class PlayedRegister:
    def __init__(self) -> None:
        self.rows: dict[str, StoredObject] = {}
        self.keys = True
        self.takes = True
        self.while_storing: Any = None
        self.away = 0
        """How many times more the list cannot be had."""

    async def keyring_get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        row = self.rows.get(file_name)
        return row.key_record() if row is not None and self.keys else None

    async def stored(self, record: StoredObject) -> bool:
        if self.while_storing is not None:
            self.while_storing()
        if self.takes:
            self.rows[record.file_name] = record
        return self.takes

    async def forget(self, file_names: Iterable[str]) -> None:
        for name in file_names:
            self.rows.pop(name, None)

    async def object_pages(self, slot: int) -> AsyncIterator[tuple[StoredObject, ...]]:
        if self.away:
            self.away -= 1
            raise UpstreamUnavailable("away")
        yield tuple(self.rows.values())


class Disk(DiskStore):
    """With its register and its counts at hand."""

    def __init__(
        self, directory: Path, register: PlayedRegister, *, slot: int = 0, workers: int = 1, bytes_max: int = 10**8
    ) -> None:
        self.counts: list[Count] = []
        self.played = register
        self.free_bytes = 10**9
        self.free_files: int | None = None
        self.now = 0.0
        super().__init__(
            directory, region=REGION, slot=slot, workers=workers, marks=Marks.of(bytes_max), register=register,
            room=Room(directory, free_bytes_min=1000, free_files_min=100, space=self._space), count=self.counts.append,
            clock=lambda: self.now,
        )  # fmt: skip
        self.keeper = keeper(self)

    def _space(self, _: Path) -> Space:
        return Space(free_bytes=self.free_bytes, free_files=self.free_files)

    async def keep(self, name: str, what: Stored) -> bool:
        return await self.put(permit(), name, what, KEY, is_fresh=lambda _: True)

    async def keep_sure(self, name: str, what: Stored) -> None:
        """Also when the disk is full: asked for a second time."""
        assert await self.keep(name, what) or await self.keep(name, what)


async def no_pause(_: float) -> None:
    return


def keeper(disk: DiskStore, *, may_stay: Any = lambda _: True, rate: float = 1e12) -> Keeper:
    return Keeper(disk, may_stay=may_stay, scrub_bytes_per_second=rate, sleep=no_pause)


def files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.glob("??/*") if file.is_file())

"""Sealed originals in a bucket: PREFIX<cloud>/<aid>. Whole objects appear at once; deleting takes every version of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress

from domicile.media.asset import Aid
from domicile.media.errors import LimitExceeded, MediaError, Overloaded, UpstreamUnavailable
from domicile.media.policy import Permit
from domicile.service.gate.s3 import S3Bucket
from domicile.service.gate.s3_calls import S3Missing
from origin.store.port import AID, PIECE_BYTES_MAX, Blob, BlobMissing

PART_BYTES = 8 * 1024 * 1024
"""Of an upload in parts, each but the last; what fits into one is sent as a whole."""
PARTS_MAX = 10_000
"""S3's own limit."""
PARTS_IN_FLIGHT_MAX = 2
"""Of one upload, beside the one that is gathered."""
WINDOW_BYTES = 2 * 1024 * 1024
"""Read in one go, so that a slow reader holds memory and no connection."""
PUT_WAIT_SECONDS_MAX = 30.0
"""How long an upload waits for one of `puts_max` places."""


class S3Store:
    """`puts_max`: uploads that hold parts in memory at a time."""

    evidence = "all versions deleted"

    def __init__(self, bucket: S3Bucket, *, prefix: str, puts_max: int) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._places = asyncio.Semaphore(puts_max)

    def _key(self, tenant: str, aid: Aid) -> str:
        if AID.fullmatch(aid) is None:
            raise BlobMissing
        return f"{self._prefix}{tenant}/{aid}"

    async def put(self, tenant: str, aid: Aid, pieces: AsyncIterable[bytes], permit: Permit) -> None:
        key = self._key(tenant, aid)
        await self._take_place()
        try:
            await _Upload(self._bucket, permit, tenant, key).run(_parts(pieces))
        finally:
            self._places.release()

    async def size(self, tenant: str, aid: Aid) -> int:
        try:
            return await self._bucket.size(self._key(tenant, aid))
        except S3Missing as missing:
            raise BlobMissing from missing

    async def read(self, tenant: str, aid: Aid, start: int, end: int, permit: Permit) -> AsyncIterator[bytes]:
        key, etag = self._key(tenant, aid), None
        while start < end:
            window = min(end, start + WINDOW_BYTES)
            try:
                found = await self._bucket.read(permit, tenant, key, start, window, etag=etag)
            except S3Missing as missing:
                raise BlobMissing from missing
            if found is None:
                return
            for at in range(0, len(found.body), PIECE_BYTES_MAX):
                yield found.body[at : at + PIECE_BYTES_MAX]
            start, end, etag = start + len(found.body), min(end, found.total), found.etag

    async def delete(self, tenant: str, aid: Aid) -> bool:
        key = self._key(tenant, aid)
        async for name, upload, _ in self._bucket.uploads(key):
            if name == key:
                await self._bucket.abort(key, upload)
        return await self._bucket.delete(key) > 0

    async def list(self, after: str = "") -> AsyncIterator[Blob]:
        """Also those of which only older versions are left: they are bytes all the same."""
        async for each in self._bucket.versions(self._prefix, after=self._prefix + after if after else ""):
            tenant, _, name = each.key.removeprefix(self._prefix).rpartition("/")
            if AID.fullmatch(name) and tenant and "/" not in tenant:
                yield Blob(tenant=tenant, aid=Aid(name), written_at=each.written_at, can_be_read=each.is_latest)

    async def drop_leftovers(self, *, age_seconds: float, now: Callable[[], float]) -> int:
        """Abort uploads in parts that began so long ago: whoever began them has crashed. How many there were."""
        before, dropped = now() - age_seconds, 0
        async for key, upload, began in self._bucket.uploads(self._prefix):
            if began <= before:
                await self._bucket.abort(key, upload)
                dropped += 1
        return dropped

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(PUT_WAIT_SECONDS_MAX):
                await self._places.acquire()
        except TimeoutError as late:
            raise Overloaded("too many uploads at once") from late


class _Upload:
    """One object on its way: whole, or nothing of it."""

    def __init__(self, bucket: S3Bucket, permit: Permit, tenant: str, key: str) -> None:
        self._bucket = bucket
        self._where = (permit, tenant, key)
        self._room = asyncio.Semaphore(PARTS_IN_FLIGHT_MAX)
        self._etags: dict[int, str] = {}
        self._parts = self._total = 0
        self._upload = ""

    async def run(self, parts: AsyncIterator[tuple[bytes, bool]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                async for part, is_last in parts:
                    if is_last and not self._upload:
                        await self._bucket.put(*self._where, part)
                    else:
                        await self._start(group, part)
                    del part  # the next one is gathered meanwhile
            if self._upload:
                etags = [self._etags[number] for number in sorted(self._etags)]
                await self._bucket.complete(*self._where, self._upload, etags, self._total)
        except BaseException as failed:
            if self._upload:
                with suppress(MediaError):  # it follows on an error, which is the one to tell; `delete` aborts it, too
                    await self._bucket.abort(self._where[-1], self._upload)
            why = _first_of(failed)
            if isinstance(why, S3Missing):
                raise UpstreamUnavailable("The store of originals has lost an upload; try again") from failed
            if why is failed:
                raise
            raise why from failed

    async def _start(self, group: asyncio.TaskGroup, part: bytes) -> None:
        if not self._upload:
            self._upload = await self._bucket.begin(*self._where)
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise LimitExceeded(f"File is too large: at most {PARTS_MAX * PART_BYTES} bytes")
        self._total += len(part)
        await self._room.acquire()
        group.create_task(self._send(self._parts, part))

    async def _send(self, number: int, part: bytes) -> None:
        try:
            self._etags[number] = await self._bucket.put_part(*self._where, self._upload, number, part)
        finally:
            self._room.release()


def _first_of(failed: BaseException) -> BaseException:
    """What a task group wraps: the first of its failures."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed


async def _parts(pieces: AsyncIterable[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """PART_BYTES each, and whether it is the last one, which is what is left."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        while len(gathered) > PART_BYTES:
            yield bytes(memoryview(gathered)[:PART_BYTES]), False
            gathered = bytearray(memoryview(gathered)[PART_BYTES:])
    yield bytes(gathered), True

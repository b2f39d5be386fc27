"""Sealed originals in a local directory: DIRECTORY/<cloud>/<first two digits>/<aid>."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

from domicile.media.asset import Aid
from domicile.media.policy import Permit
from domicile.service.gate import files
from origin.keyfiles import sync_directory
from origin.store.port import AID, PIECE_BYTES_MAX, BlobMissing


class LocalStore:
    """One directory on one disk. Leftovers of a crash (`*.tmp`) are removed when it is opened."""

    evidence = "unlinked, synced"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(directory.parent)
        for leftover in directory.glob(f"*/*/*{files.TEMPORARY_SUFFIX}"):
            files.remove(leftover)

    def _path(self, tenant: str, aid: Aid) -> Path:
        if AID.fullmatch(aid) is None:
            raise BlobMissing
        return self._directory / tenant / aid[:2] / aid

    async def put(self, tenant: str, aid: Aid, pieces: AsyncIterable[bytes], permit: Permit) -> None:
        file = files.begin_whole(permit, tenant, self._path(tenant, aid), within=self._directory)
        try:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(file.finish)
        finally:
            await asyncio.to_thread(file.abandon)

    async def size(self, tenant: str, aid: Aid) -> int:
        try:
            return self._path(tenant, aid).stat().st_size
        except FileNotFoundError as missing:
            raise BlobMissing from missing

    async def read(self, tenant: str, aid: Aid, start: int, end: int, permit: Permit) -> AsyncIterator[bytes]:
        try:
            handle = files.open_for_reading(permit, tenant, self._path(tenant, aid))
        except FileNotFoundError as missing:
            raise BlobMissing from missing
        try:
            while start < end:
                piece = await asyncio.to_thread(os.pread, handle, min(PIECE_BYTES_MAX, end - start), start)
                if not piece:
                    return
                start += len(piece)
                yield piece
        finally:
            os.close(handle)

    async def delete(self, tenant: str, aid: Aid) -> bool:
        return await asyncio.to_thread(files.remove, self._path(tenant, aid))

    async def list(self) -> AsyncIterator[tuple[str, Aid]]:
        found = await asyncio.to_thread(lambda: sorted(self._directory.glob("*/*/*")))
        for path in found:
            if AID.fullmatch(path.name):
                yield path.parent.parent.name, Aid(path.name)

"""Sealed originals in a local directory: DIRECTORY/<cloud>/<first two digits>/<aid>."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from pathlib import Path

from domicile.media.asset import Aid
from domicile.media.policy import Permit
from domicile.service.gate import files
from origin.keyfiles import sync_directory
from origin.store.port import AID, PIECE_BYTES_MAX, Blob, BlobMissing, key_of


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

    async def list(self, after: str = "") -> AsyncIterator[Blob]:
        """A directory at a time, of which each cloud has 256."""
        tenants = await asyncio.to_thread(_names, self._directory)
        for tenant in sorted(tenants, key=lambda name: key_of(name, "")):
            if key_of(tenant, "g") <= after:  # greater than any aid
                continue
            for part in sorted(await asyncio.to_thread(_names, self._directory / tenant)):
                if key_of(tenant, part) >= after[: len(tenant) + 1 + len(part)]:
                    for blob in await asyncio.to_thread(_blobs, tenant, self._directory / tenant / part, after):
                        yield blob


def _names(directory: Path) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _blobs(tenant: str, directory: Path, after: str) -> list[Blob]:
    blobs = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if AID.fullmatch(entry.name) and key_of(tenant, entry.name) > after:
                with suppress(FileNotFoundError):
                    written_at = entry.stat(follow_symlinks=False).st_mtime
                    blobs.append(Blob(tenant=tenant, aid=Aid(entry.name), written_at=written_at))
    return sorted(blobs, key=lambda blob: blob.key)

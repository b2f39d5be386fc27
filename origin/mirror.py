"""The journal's mirror: an append-only file of entries beside DATA, synced before an answer leaves (decisions C.4).

    MIRROR/journal      records: length (u32, big-endian), CRC-32 (u32), msgpack of the entry

It holds what the journal holds: aids and keyed hashes, no personal data. A torn last record (power cut) is cut off.
When DATA comes back older than the mirror, the origin takes the missing entries from here before it serves.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from domicile.media.journal import Entry, Head
from origin.keyfiles import sync_directory

_HEAD = struct.Struct(">II")
RECORD_BYTES_MAX = 128 * 1024


class Mirror:
    """Synchronous; one writer, which the origin's lock on DATA guarantees."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = directory / "journal"
        self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        sync_directory(directory)
        self.heads: dict[str, Head] = {}

    def read(self) -> dict[str, list[Entry]]:
        """Every entry by tenant, in order; a torn end is cut off. Also sets `heads`."""
        raw = self._file.read_bytes()
        entries: dict[str, list[Entry]] = {}
        offset = 0
        while offset + _HEAD.size <= len(raw):
            length, crc = _HEAD.unpack_from(raw, offset)
            body = raw[offset + _HEAD.size : offset + _HEAD.size + length]
            if length > RECORD_BYTES_MAX or len(body) < length or zlib.crc32(body) != crc:
                break
            entry = msgspec.msgpack.decode(body, type=Entry)
            entries.setdefault(entry.tenant, []).append(entry)
            offset += _HEAD.size + length
        if offset < len(raw):
            os.ftruncate(self._handle, offset)
            os.fsync(self._handle)
        self.heads = {t: Head(epoch=own[-1].epoch, seq=own[-1].seq, chain=own[-1].chain) for t, own in entries.items()}
        return entries

    def append(self, entries: Iterable[Entry]) -> None:
        """Durable on return; on an error the file is as before."""
        batch = tuple(entries)
        bodies = [msgspec.msgpack.encode(entry) for entry in batch]
        view = memoryview(b"".join(_HEAD.pack(len(body), zlib.crc32(body)) + body for body in bodies))
        before = os.fstat(self._handle).st_size
        try:
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, before)
            raise
        for entry in batch:
            self.heads[entry.tenant] = Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)

    def close(self) -> None:
        os.close(self._handle)

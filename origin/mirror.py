"""The journal's mirror: an append-only file of entries beside DATA, synced before an answer leaves (decisions C.4).

    MIRROR/journal      records: length of the body (u32, big-endian), its CRC-32, CRC-32 of these eight bytes; the body
    body                b"E" and an entry, or b"B" and a base: what is left of entries that were compacted away

It holds what the journal holds: aids and keyed hashes, no personal data. When DATA comes back older than the mirror, the
origin takes the missing entries from here before it serves, so nothing of it is lost quietly: a last record that runs past
the end was being written when the power went, and is cut off; anything else that cannot be read is MirrorBroken.

Compacting keeps the newest entries of each tenant and, of all older ones, the aids that were erased, those that were put
under retention or hidden, and neither erased nor shown since, and those that a hold was laid on which was not lifted since: a
catalogue of any age can still be brought up to date, only the steps in between are gone.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec
import structlog

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Entry, Head
from origin.keyfiles import sync_directory
from origin.mirror_records import Base, Missing, Withheld, end_of, erased_by, laid_by, lifted_by

_HEAD = struct.Struct(">III")
RECORD_BYTES_MAX = 128 * 1024
BASE_AIDS_MAX = 2000
"""Aids in one base record; more of them make more records."""
COMPACT_BYTES_MIN = 8 * 1024 * 1024
"""A smaller file is not compacted; a larger one when it has doubled since."""

log = structlog.get_logger(__name__)


class MirrorBroken(Exception):
    """The file holds something that was never written. The text names the file and the place."""


def pack(record: Entry | Base) -> bytes:
    """A record as it lies in the file."""
    body = (b"B" if isinstance(record, Base) else b"E") + msgspec.msgpack.encode(record)
    sizes = struct.pack(">II", len(body), zlib.crc32(body))
    return sizes + struct.pack(">I", zlib.crc32(sizes)) + body


class Mirror:
    """Synchronous; one process, which the origin's lock on DATA guarantees. `append` and `compact` may run side by side."""

    def __init__(self, directory: Path) -> None:
        """Raises MirrorBroken."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = directory / "journal"
        self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._size = 0
        """Bytes that are whole records."""
        self._compacted_bytes = 0
        self._ends: dict[str, Head] = {}
        self._holds: dict[str, set[NameHash]] = {}
        try:
            self._temporary.unlink(missing_ok=True)
            sync_directory(directory)
            self._measure()
        except BaseException:
            self.close()
            raise

    @property
    def directory(self) -> Path:
        return self._file.parent

    @property
    def _temporary(self) -> Path:
        return self._file.with_name("journal.tmp")

    @property
    def ends(self) -> Mapping[str, Head]:
        """How far each tenant's journal is mirrored."""
        return self._ends

    def holds(self, tenant: str) -> Collection[NameHash]:
        """Those that its records know to stand."""
        return self._holds.get(tenant, frozenset())

    def _note(self, record: Entry | Base) -> None:
        self._ends[record.tenant] = end_of(record)
        holds = self._holds.setdefault(record.tenant, set())
        if laid := laid_by(record):
            holds.add(laid[0])
        holds.discard(lifted_by(record))

    @property
    def worth_compacting(self) -> bool:
        return self._size >= max(COMPACT_BYTES_MIN, 2 * self._compacted_bytes)

    def close(self) -> None:
        os.close(self._handle)

    # --- reading --------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Read everything once, and cut off a torn end."""
        size = os.fstat(self._handle).st_size
        for record, end in self._records(size):
            self._note(record)
            self._size = end
        if self._size < size:
            log.warning("mirror_end_torn", bytes=size - self._size)
            os.ftruncate(self._handle, self._size)
            os.fsync(self._handle)

    def _records(self, size: int) -> Iterator[tuple[Entry | Base, int]]:
        """The whole records of the first `size` bytes, each with the place where it ends. Raises MirrorBroken."""
        start = 0
        with self._file.open("rb") as file:
            while (begin := start + _HEAD.size) <= size:
                length, body_crc, sizes_crc = _HEAD.unpack(head := file.read(_HEAD.size))
                sound = zlib.crc32(head[:8]) == sizes_crc and length <= RECORD_BYTES_MAX
                if sound and begin + length > size:
                    return
                body = file.read(length) if sound else b""
                if not sound or zlib.crc32(body) != body_crc:
                    raise MirrorBroken(f"{str(self._file)!r} is damaged at byte {start}")
                kind: type[Entry | Base] = Base if body[:1] == b"B" else Entry
                start = begin + length
                yield msgspec.msgpack.decode(body[1:], type=kind), start

    def missing(self, seqs: Mapping[str, int]) -> dict[str, Missing]:
        """What catalogues that stand at these numbers lack, by tenant."""
        found = {tenant: Missing() for tenant in seqs}
        for record, _ in self._records(self._size):
            lacking = found.get(record.tenant)
            if lacking is None or end_of(record).seq <= seqs[record.tenant]:
                continue
            if isinstance(record, Base):
                lacking.base = record.head
                lacking.erased += record.erased
                lacking.restricted += record.restricted
                lacking.hidden += record.hidden
                lacking.held += [laid] if (laid := laid_by(record)) else []
            else:
                lacking.entries.append(record)
        return found

    def erased(self) -> Iterator[tuple[Aid, str]]:
        """Every (aid, tenant) that was ever erased."""
        for record, _ in self._records(self._size):
            yield from ((aid, record.tenant) for aid in erased_by(record))

    # --- writing --------------------------------------------------------------------------------------------------

    def append(self, records: Iterable[Entry | Base]) -> None:
        """Durable on return; on an error the file is as before."""
        batch = tuple(records)
        with self._lock:
            if os.fstat(self._handle).st_size != self._size:  # of an append that failed, and could not be taken back
                os.ftruncate(self._handle, self._size)
            try:
                written = _write(self._handle, b"".join(map(pack, batch)))
                os.fsync(self._handle)
            except OSError:
                os.ftruncate(self._handle, self._size)
                raise
            self._size += written
            for record in batch:
                self._note(record)

    def compact(self, keep: int) -> None:
        """Write the file anew with the newest `keep` entries of each tenant. Appends wait only while the end is copied."""
        with self._lock:
            before, limits = self._size, {tenant: head.seq - keep for tenant, head in self._ends.items()}
        handle = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = sum(_write(handle, pack(record)) for record in self._kept(before, limits))
            with self._lock:
                size += _write(handle, os.pread(self._handle, self._size - before, before))
                os.fsync(handle)
                self._temporary.replace(self._file)
                self._handle, handle = handle, self._handle
                self._size = self._compacted_bytes = size
            sync_directory(self._file.parent)
        finally:
            os.close(handle)  # the old file, or the new one that did not become it
            self._temporary.unlink(missing_ok=True)

    def _kept(self, size: int, limits: Mapping[str, int]) -> Iterator[Entry | Base]:
        """The records of the first `size` bytes as they are written anew: bases before the entries of their tenant."""
        last, withheld = self._summed_up(size, limits)
        erased: dict[str, list[Aid]] = {tenant: [] for tenant in last}

        def rest(tenant: str) -> Iterator[Base]:
            """What is withheld does not fit into the record of what was erased."""
            yield Base(tenant=tenant, head=last[tenant], erased=tuple(erased.pop(tenant)))
            retained, hidden = iter(withheld[tenant].retained), iter(withheld[tenant].hidden)
            while part := tuple(islice(retained, BASE_AIDS_MAX)):
                yield Base(tenant=tenant, head=last[tenant], restricted=part)
            while part := tuple(islice(hidden, BASE_AIDS_MAX)):
                yield Base(tenant=tenant, head=last[tenant], hidden=part)
            for hold, aids in withheld[tenant].held.items():
                rest_of_it = iter(aids)
                while part := tuple(islice(rest_of_it, BASE_AIDS_MAX)):
                    yield Base(tenant=tenant, head=last[tenant], hold=hold, held=part)

        for record, _ in self._records(size):
            tenant = record.tenant
            if end_of(record).seq > limits.get(tenant, 0):
                if tenant in erased:
                    yield from rest(tenant)
                yield record
                continue
            erased[tenant] += erased_by(record)
            while len(erased[tenant]) > BASE_AIDS_MAX:
                yield Base(tenant=tenant, head=last[tenant], erased=tuple(erased[tenant][:BASE_AIDS_MAX]))
                del erased[tenant][:BASE_AIDS_MAX]
        for tenant in list(erased):
            yield from rest(tenant)

    def _summed_up(self, size: int, limits: Mapping[str, int]) -> tuple[dict[str, Head], dict[str, Withheld]]:
        """By tenant: the head after the records that will go, and what they withheld and nothing has erased or shown since."""
        last: dict[str, Head] = {}
        withheld: dict[str, Withheld] = {}
        for record, _ in self._records(size):
            mine = withheld.setdefault(record.tenant, Withheld())
            if goes := end_of(record).seq <= limits.get(record.tenant, 0):
                last[record.tenant] = end_of(record)
            mine.take(record, goes=goes)
        return last, withheld


def _write(handle: int, content: bytes) -> int:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
    return len(content)

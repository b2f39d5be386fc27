"""An archive as a stream: each file goes in piece by piece and comes out at once, so that none waits in memory.

    begin(path, size) -> write(piece) ... -> close_file -> begin ... -> end

The standard library writes both formats to a sink that cannot seek. Pictures are compressed already: a ZIP stores them.
"""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
import zlib
from typing import IO, Protocol

GZIP = 31
"""`wbits` of zlib for a gzip file."""


class Writer(Protocol):
    """Takes files and gives bytes: what the archive has grown by."""

    def begin(self, path: str, body_bytes: int, *, changed_at: float) -> bytes:
        """A file of so many bytes."""

    def write(self, piece: bytes) -> bytes:
        """What follows of it."""

    def close_file(self) -> bytes:
        """It is whole."""

    def end(self) -> bytes:
        """No more files."""


class _Sink(io.RawIOBase):
    """Keeps what was written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


class ZipWriter:
    """ZIP, stored; ZIP64 where it must."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)
        self._file: IO[bytes] | None = None

    def begin(self, path: str, body_bytes: int, *, changed_at: float) -> bytes:
        info = zipfile.ZipInfo(path, time.gmtime(changed_at)[:6])
        info.external_attr = 0o644 << 16
        info.file_size = body_bytes  # tells whether ZIP64 is needed
        self._file = self._zip.open(info, "w")
        return self._sink.take()

    def write(self, piece: bytes) -> bytes:
        assert self._file is not None
        self._file.write(piece)
        return self._sink.take()

    def close_file(self) -> bytes:
        assert self._file is not None
        self._file.close()
        return self._sink.take()

    def end(self) -> bytes:
        self._zip.close()
        return self._sink.take()


class TarWriter:
    """A compressed tar (PAX)."""

    def __init__(self) -> None:
        self._gzip = zlib.compressobj(wbits=GZIP)
        self._at = 0

    def begin(self, path: str, body_bytes: int, *, changed_at: float) -> bytes:
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = body_bytes, int(changed_at), 0o644
        return self.write(info.tobuf(tarfile.PAX_FORMAT))

    def write(self, piece: bytes) -> bytes:
        self._at += len(piece)
        return self._gzip.compress(piece)

    def close_file(self) -> bytes:
        return self._padded(tarfile.BLOCKSIZE)

    def end(self) -> bytes:
        return self.write(bytes(2 * tarfile.BLOCKSIZE)) + self._padded(tarfile.RECORDSIZE) + self._gzip.flush()

    def _padded(self, unit: int) -> bytes:
        return self.write(bytes(-self._at % unit))


def writer_of(kind: str) -> Writer:
    """`kind`: one of `archive_plan.FORMATS`."""
    return ZipWriter() if kind == "zip" else TarWriter()

"""An archive as a stream: each file goes in whole and comes out at once, so that none waits in memory for the others.

The standard library writes both formats to a sink that cannot seek. Pictures are compressed already: a ZIP stores them.
"""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from typing import Protocol


class Writer(Protocol):
    """Takes files and gives bytes."""

    def add(self, path: str, body: bytes, *, changed_at: float) -> bytes:
        """What the archive has grown by."""

    def end(self) -> bytes:
        """Its end."""


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

    def add(self, path: str, body: bytes, *, changed_at: float) -> bytes:
        info = zipfile.ZipInfo(path, time.gmtime(changed_at)[:6])
        info.external_attr = 0o644 << 16
        self._zip.writestr(info, body)
        return self._sink.take()

    def end(self) -> bytes:
        self._zip.close()
        return self._sink.take()


class TarWriter:
    """A compressed tar (PAX)."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._tar = tarfile.open(  # noqa: SIM115 - it is closed by `end`
            fileobj=self._sink, mode="w|gz", format=tarfile.PAX_FORMAT
        )

    def add(self, path: str, body: bytes, *, changed_at: float) -> bytes:
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = len(body), int(changed_at), 0o644
        self._tar.addfile(info, io.BytesIO(body))
        return self._sink.take()

    def end(self) -> bytes:
        self._tar.close()
        return self._sink.take()


def writer_of(kind: str) -> Writer:
    """`kind`: one of `archive_plan.FORMATS`."""
    return ZipWriter() if kind == "zip" else TarWriter()

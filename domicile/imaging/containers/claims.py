"""What a file's header claims, before any decoder is trusted with it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from domicile.imaging.patched import Image
from domicile.media.errors import LimitExceeded

ORIENTATION_TAG = 0x0112
ORIENTATIONS = range(1, 9)
EXIF_BYTES_MAX = 1024 * 1024

Chunk = TypeVar("Chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Sizes are of the stored pixels. `exif` and `icc` are raw bytes, empty when absent."""

    width: int
    height: int
    frames: int = 1
    loop: int | None = None
    exif: bytes = b""
    icc: bytes = b""
    has_alpha: bool = False
    mode: str = ""
    orientation: int = 0
    """Where a format keeps it outside EXIF; 0: look there."""
    is_document: bool = False
    """Are the frames pages that are drawn one by one?"""
    extra_bytes: int = 0
    """Memory that decoding needs apart from the pixels: coefficients of a multi-scan JPEG, planes of a HEIC."""
    scans: int = 1
    """Of a JPEG: each visits all of the picture again."""


def orientation_of(exif: bytes) -> int:
    """EXIF orientation 1 to 8; 1 when absent, invalid or unreadable."""
    if not exif or len(exif) > EXIF_BYTES_MAX:
        return 1
    parsed = Image.Exif()
    try:
        parsed.load(exif)
        value = parsed.get(ORIENTATION_TAG, 1)
    except (SyntaxError, ValueError, OSError, EOFError, KeyError, TypeError, IndexError, OverflowError):
        return 1  # a picture is not refused for its metadata
    return value if isinstance(value, int) and value in ORIENTATIONS else 1


def counted(chunks: Iterator[Chunk], chunks_max: int) -> Iterator[Chunk]:
    """The same, up to the limit. Raises LimitExceeded beyond: a walk that just stopped would not have seen the pixels."""
    for number, chunk in enumerate(chunks):
        if number >= chunks_max:
            raise LimitExceeded(f"Maximum number of chunks in a file is {chunks_max}")
        yield chunk


class ViewReader(io.RawIOBase):
    """A file over bytes that are already in memory; reads copy only what is read."""

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants Buffer, CPython hands a view
        piece = self._view[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

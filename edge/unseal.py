"""Opening a sealed file as it arrives: bytes in, plaintext out, nothing kept but the chunk in the making. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from domicile.media.sealed import (
    FIXED_BYTES,
    SEALED_CHUNK_BYTES,
    Opener,
    SealBroken,
    SealContext,
    preamble_bytes,
)


class StreamOpener:
    """`feed` every piece in order, then `finish`. Plaintext is given chunk by chunk, each under its own seal."""

    __slots__ = ("_content_key", "_context", "_file_bytes", "_index", "_opener", "_pending")

    def __init__(self, content_key: bytes, context: SealContext, *, file_bytes: int) -> None:
        self._content_key = content_key
        self._context = context
        self._file_bytes = file_bytes
        self._pending = bytearray()
        self._opener: Opener | None = None
        self._index = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Plaintext that became complete. Raises SealBroken."""
        self._pending += piece
        if self._opener is None and not self._open():
            return
        while len(self._pending) > SEALED_CHUNK_BYTES:  # the last chunk waits: only the end tells that it is the last
            yield self._take(SEALED_CHUNK_BYTES)

    def finish(self) -> Iterator[bytes]:
        """The last chunk. Raises SealBroken when the file is not complete."""
        if self._opener is None:
            raise SealBroken("the file ends in its preamble")
        while self._pending:
            yield self._take(min(len(self._pending), SEALED_CHUNK_BYTES))
        if self._index != self._opener.chunks:
            raise SealBroken("the file ends early")

    def _open(self) -> bool:
        if len(self._pending) < FIXED_BYTES:
            return False
        length = preamble_bytes(bytes(self._pending[:FIXED_BYTES]))
        if len(self._pending) < length:
            return False
        preamble = bytes(self._pending[:length])
        self._opener = Opener(self._content_key, self._context, preamble=preamble, file_bytes=self._file_bytes)
        del self._pending[:length]
        return True

    def _take(self, length: int) -> bytes:
        opener = self._opener
        assert opener is not None
        if self._index >= opener.chunks:
            raise SealBroken("the file is longer than it said")
        plain = opener.open_chunk(self._index, bytes(self._pending[:length]))
        del self._pending[:length]
        self._index += 1
        return plain

"""The sealed file: the one format for originals at the origin and renditions on an edge's disk.

    "DMC1" | salt (32) | key commitment (32) | header length (u32, big-endian) | sealed header | sealed chunks ...

    file key   = HKDF(content key, salt, info = format, tenant, aids, variant, region)[0:32]
    commitment = the next 32 bytes of the same HKDF; checked first, so a wrong key fails before any GCM call
    header     = AES-256-GCM(nonce = 0..0 | 2)         a small record, msgpack by convention
    chunk i    = AES-256-GCM(nonce = i | final flag)   64 KiB of plaintext each, the last one 0 to 64 KiB

The salt is fresh random per write attempt, so a retry never re-uses a nonce. A file is never rewritten in place.
Truncation, reordering, swapping between files and flipped bits all fail the GCM tag; a Range opens only its chunks.
Source: decisions E.3; the layout follows the STREAM construction (Hoang et al. 2015).
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.media.asset import Aid

MAGIC = b"DMC1"
SALT_BYTES = 32
COMMITMENT_BYTES = 32
TAG_BYTES = 16
CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
HEADER_BYTES_MAX = 64 * 1024
CHUNKS_MAX = 2**32
FIXED_BYTES = len(MAGIC) + SALT_BYTES + COMMITMENT_BYTES + 4

_MORE, _FINAL, _HEADER = 0, 1, 2


class SealBroken(Exception):
    """The bytes are not this file under this key: torn, swapped, tampered with, or the key is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """What a file is bound to; a file moved to another context does not open."""

    tenant: str
    aids: tuple[Aid, ...]
    variant: str
    region: str

    @classmethod
    def original(cls, *, tenant: str, aid: Aid, region: str) -> SealContext:
        """What the origin binds an original to; `region` is the origin's home (`LeaseAnswer.region`)."""
        return cls(tenant=tenant, aids=(aid,), variant="original", region=region)

    def info(self) -> bytes:
        parts = (MAGIC.decode(), self.tenant, ",".join(sorted(self.aids)), self.variant, self.region)
        return b"".join(struct.pack(">I", len(raw)) + raw for raw in (part.encode() for part in parts))


def _keys(content_key: bytes, salt: bytes, context: SealContext) -> tuple[AESGCM, bytes]:
    both = HKDF(SHA256(), 32 + COMMITMENT_BYTES, salt=salt, info=context.info()).derive(content_key)
    return AESGCM(both[:32]), both[32:]


def _nonce(counter: int, flag: int) -> bytes:
    return counter.to_bytes(11, "big") + bytes((flag,))


class Sealer:
    """Seals a stream: `preamble`, then `update` for each piece, then `finish`; join the results in order."""

    __slots__ = ("_aead", "_chunk", "_pending", "preamble")

    def __init__(self, content_key: bytes, context: SealContext, *, header: bytes, salt: bytes) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError("a salt is 32 fresh random bytes")
        if len(header) > HEADER_BYTES_MAX:
            raise ValueError("header record too long")
        self._aead, commitment = _keys(content_key, salt, context)
        sealed = self._aead.encrypt(_nonce(0, _HEADER), header, None)
        self.preamble = MAGIC + salt + commitment + struct.pack(">I", len(sealed)) + sealed
        self._chunk = 0
        self._pending = bytearray()

    def update(self, piece: bytes | bytearray | memoryview) -> bytes:
        """Ciphertext that became complete; the last chunk is held back because it carries the final flag."""
        self._pending += piece
        out = bytearray()
        while len(self._pending) > CHUNK_BYTES:
            out += self._seal(bytes(self._pending[:CHUNK_BYTES]), _MORE)
            del self._pending[:CHUNK_BYTES]
        return bytes(out)

    def finish(self) -> bytes:
        last = self._seal(bytes(self._pending), _FINAL)
        self._pending.clear()
        return last

    def _seal(self, plain: bytes, flag: int) -> bytes:
        if self._chunk >= CHUNKS_MAX:
            raise ValueError("too many chunks for one file")
        sealed = self._aead.encrypt(_nonce(self._chunk, flag), plain, None)
        self._chunk += 1
        return sealed


def seal(content_key: bytes, context: SealContext, *, header: bytes, body: bytes, salt: bytes) -> bytes:
    """A whole sealed file in one value."""
    sealer = Sealer(content_key, context, header=header, salt=salt)
    return sealer.preamble + sealer.update(body) + sealer.finish()


def preamble_bytes(start: bytes) -> int:
    """Length of the preamble, told by the first FIXED_BYTES of a file. Raises SealBroken."""
    if len(start) < FIXED_BYTES or start[:4] != MAGIC:
        raise SealBroken("not a sealed file")
    (length,) = struct.unpack(">I", start[FIXED_BYTES - 4 : FIXED_BYTES])
    if not TAG_BYTES <= length <= HEADER_BYTES_MAX + TAG_BYTES:
        raise SealBroken("header length out of range")
    return FIXED_BYTES + int(length)


class Opener:
    """Opens one sealed file chunk by chunk. `file_bytes` is the size of the whole file."""

    __slots__ = ("_aead", "body_bytes", "body_start", "chunks", "header")

    def __init__(self, content_key: bytes, context: SealContext, *, preamble: bytes, file_bytes: int) -> None:
        self.body_start = preamble_bytes(preamble)
        if len(preamble) < self.body_start:
            raise SealBroken("truncated preamble")
        salt = preamble[4 : 4 + SALT_BYTES]
        self._aead, commitment = _keys(content_key, salt, context)
        stated = preamble[4 + SALT_BYTES : 4 + SALT_BYTES + COMMITMENT_BYTES]
        if not hmac.compare_digest(commitment, stated):
            raise SealBroken("another key or another context")
        self.header = self._open(preamble[FIXED_BYTES : self.body_start], _nonce(0, _HEADER))
        sealed_body = file_bytes - self.body_start
        self.chunks = -(-sealed_body // SEALED_CHUNK_BYTES)
        self.body_bytes = sealed_body - self.chunks * TAG_BYTES
        if self.chunks < 1 or self.body_bytes < 0 or (self.chunks - 1) * CHUNK_BYTES > self.body_bytes:
            raise SealBroken("truncated body")

    def span(self, first: int, last: int) -> tuple[int, int]:
        """File offsets [start, end) of the chunks that hold plaintext bytes first..last (inclusive)."""
        start_chunk, end_chunk = first // CHUNK_BYTES, last // CHUNK_BYTES + 1
        end = self.body_start + end_chunk * SEALED_CHUNK_BYTES
        whole = self.body_start + self.body_bytes + self.chunks * TAG_BYTES
        return self.body_start + start_chunk * SEALED_CHUNK_BYTES, min(end, whole)

    def open_chunk(self, index: int, sealed: bytes) -> bytes:
        flag = _FINAL if index == self.chunks - 1 else _MORE
        return self._open(sealed, _nonce(index, flag))

    def open_span(self, start_chunk: int, sealed: bytes) -> Iterator[bytes]:
        """Plaintext of consecutive chunks, one value each."""
        for n, offset in enumerate(range(0, len(sealed), SEALED_CHUNK_BYTES)):
            yield self.open_chunk(start_chunk + n, sealed[offset : offset + SEALED_CHUNK_BYTES])

    def _open(self, sealed: bytes, nonce: bytes) -> bytes:
        try:
            return self._aead.decrypt(nonce, sealed, None)
        except InvalidTag as torn:
            raise SealBroken("the seal does not hold") from torn


def open_sealed(content_key: bytes, context: SealContext, file: bytes) -> tuple[bytes, bytes]:
    """(header, body) of a whole file in memory. Raises SealBroken."""
    opener = Opener(content_key, context, preamble=file, file_bytes=len(file))
    return opener.header, b"".join(opener.open_span(0, file[opener.body_start :]))

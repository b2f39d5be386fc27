"""Opening one file of the disk tier: small bodies as a whole, large ones chunk by chunk as they are asked for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from domicile.media.sealed import SealBroken, SealContext
from domicile.service.sealed_file import SealedFile
from edge.store.port import Stored, StoredHead

INLINE_BYTES_MAX = 256 * 1024
"""Reading up to this much is done on the loop: it comes from the page cache and takes less than a thread's hand-over."""


async def open_object(path: Path, content_key: bytes, context: SealContext, *, in_memory_max: int) -> Stored:
    """The object in `path`. Raises OSError (FileNotFoundError when there is none) and SealBroken."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    body = SealedBody(descriptor)
    try:
        head = body.open(content_key, context)
        if body.body_bytes > in_memory_max:
            return Stored(head=head, body=body)
        if body.body_bytes <= INLINE_BYTES_MAX:
            whole = body.read(0, body.body_bytes)
        else:
            whole = await asyncio.to_thread(body.read, 0, body.body_bytes)
    except BaseException:
        body.close()
        raise
    body.close()
    return Stored(head=head, body=whole)


class SealedBody(SealedFile):
    """A file of the disk tier: its header tells what it is."""

    __slots__ = ()

    def open(self, content_key: bytes, context: SealContext) -> StoredHead:
        """Read the preamble. Raises OSError, SealBroken."""
        opener = self.open_preamble(content_key, context)
        try:
            head = msgspec.msgpack.decode(opener.header, type=StoredHead)
        except msgspec.MsgspecError as odd:  # sealed by us in another version
            raise SealBroken("the header is of another version") from odd
        if head.body_bytes != opener.body_bytes:
            raise SealBroken("header and body do not agree")
        return head

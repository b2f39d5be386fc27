"""What libraries of a process keep of what it was asked, dropped after an erasure: then `freed_memory` overwrites it.

caches      urllib, yarl and others keep the last texts that they took apart (functools.lru_cache), URLs with names among them
cycles      objects that hold each other stay until the collector comes by
the buffer  uvloop reads everything into one buffer of its loop; what a long message left stays behind short ones
"""

from __future__ import annotations

import asyncio
import functools
import gc
import socket

BUFFER_BYTES = 256_000
"""Of uvloop; asyncio's own loop has none."""
FLUSH_SECONDS_MAX = 5.0
_Cached = type(functools.lru_cache(lambda: None))


async def drop_leftovers() -> None:
    """Holds the loop for some ten milliseconds."""
    empty_caches()
    await overwrite_buffer()


def empty_caches() -> None:
    for one in gc.get_objects():
        if type(one) is _Cached:
            one.cache_clear()
    gc.collect()


class _Sink(asyncio.Protocol):
    def __init__(self) -> None:
        self.longest = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.longest = max(self.longest, len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def overwrite_buffer() -> int:
    """One message as long as the buffer, to ourselves; how much of it came in one piece."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * BUFFER_BYTES)  # the kernel gives less
        ours.setblocking(False)
        ours.send(bytes(BUFFER_BYTES))
        ours.shutdown(socket.SHUT_WR)
        loop = asyncio.get_running_loop()
        transport, sink = await loop.create_connection(_Sink, sock=theirs.dup())
        try:
            async with asyncio.timeout(FLUSH_SECONDS_MAX):
                await sink.over
        finally:
            transport.abort()
    return sink.longest

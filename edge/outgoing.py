"""What is on its way to a viewer: how much of it, whether the viewer takes it, and how to throw it away.

Bytes wait in two places, the transport's own buffer and the kernel's send buffer. Both are bounded, because what waits
there can no longer be judged by lease and fence, and both are counted, because a purge must be able to throw it away
(decisions D.3, D.4). The kernel calls a byte sent when the other side's kernel has confirmed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Awaitable, Callable
from functools import partial

KERNEL_BUFFER_BYTES = 64 * 1024
"""Asked of the kernel for each connection. It takes twice that for data and its own bookkeeping: left to itself it
grows to megabytes, and whole pictures count as sent before the viewer has read a byte."""

PROGRESS_BYTES_MIN = 4 * 1024
"""What a viewer must take in each `progress_seconds_max`, unless less is left: one byte now and then holds nothing open."""

POLL_SECONDS_MIN = 0.001
POLL_SECONDS_MAX = 0.05

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def socket_of(transport: asyncio.Transport) -> socket.socket | None:
    """None when it is gone. A TLS transport that was closed has none to ask for it, and raises (CPython 3.11, sslproto.py)."""
    try:
        found: socket.socket | None = transport.get_extra_info("socket")
    except AttributeError:
        return None
    return found


def bound(transport: asyncio.Transport, *, buffer_bytes_max: int, user_timeout_seconds: float) -> None:
    """Set both buffers' limits, and how long the kernel tries to deliver what it was given."""
    transport.set_write_buffer_limits(high=buffer_bytes_max)
    peer = socket_of(transport)
    if peer is not None and peer.family in _INTERNET:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout_seconds * 1000))


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that came and that nobody has read yet; 0 when the connection is closed."""
    peer = socket_of(transport)
    if peer is None or peer.fileno() < 0:
        return 0
    in_kernel = bytearray(4)
    with contextlib.suppress(OSError):
        fcntl.ioctl(peer.fileno(), termios.FIONREAD, in_kernel)
    return int.from_bytes(in_kernel, "little")


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Bytes handed over and not confirmed by the other side; 0 when the connection is closed."""
    peer = socket_of(transport)
    if peer is None or peer.fileno() < 0:
        return 0
    in_kernel = bytearray(4)
    with contextlib.suppress(OSError):
        fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, in_kernel)
    return transport.get_write_buffer_size() + int.from_bytes(in_kernel, "little")


def abort(transport: asyncio.Transport | None) -> None:
    """End a connection so that the other side knows it was cut, and throw away what is unsent."""
    if transport is None:
        return
    peer = socket_of(transport)
    if peer is not None and peer.family in _INTERNET:
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def while_it_moves(
    transport: asyncio.Transport | None,
    first: Callable[[], Awaitable[None]],
    then: Callable[[asyncio.Transport], Awaitable[None]],
    *,
    handed_bytes: int = 0,
    progress_seconds_max: float,
) -> None:
    """Wait as long as the viewer takes bytes. Raises TimeoutError when it took too few in `progress_seconds_max`.

    `first` hands over `handed_bytes` and may be cancelled while it waits; `then` waits on, as often as it takes.
    """
    before = 0 if transport is None else unsent_bytes(transport) + handed_bytes
    wait = first
    while True:
        try:
            async with asyncio.timeout(progress_seconds_max):
                return await wait()
        except TimeoutError:
            if transport is None or not moves(before, now := unsent_bytes(transport)):
                raise
            before, wait = now, partial(then, transport)


def moves(before: int, now: int) -> bool:
    """Was enough taken in one `progress_seconds_max`? Bytes unsent at its beginning and at its end."""
    return before - now >= min(before, PROGRESS_BYTES_MIN) > 0


def has_room_for(transport: asyncio.Transport, handed_bytes: int) -> bool:
    """Will handing over so much not make the writer wait?"""
    low, high = transport.get_write_buffer_limits()
    waiting = transport.get_write_buffer_size()
    return waiting <= low and waiting + handed_bytes <= high


async def has_room(transport: asyncio.Transport) -> None:
    """Wait until the transport's buffer has emptied so far that its writer would be called again."""
    low, _ = transport.get_write_buffer_limits()
    await _poll(lambda: transport.is_closing() or transport.get_write_buffer_size() <= low)


async def taken(transport: asyncio.Transport) -> None:
    """Wait until everything is with the other side, or the connection is closed."""
    await _poll(lambda: not unsent_bytes(transport))


def close_when_taken(
    transport: asyncio.Transport, *, progress_seconds_max: float, then: Callable[[], None] = lambda: None
) -> None:
    """Close when the other side has everything; until then a purge can still cut it off. Who takes too little is cut off.

    Closed at once, the rest would be sent by the kernel, out of reach.
    """
    loop = asyncio.get_running_loop()
    left, moved = unsent_bytes(transport), loop.time()

    def look() -> None:
        nonlocal left, moved
        now = unsent_bytes(transport)
        if now and loop.time() - moved < progress_seconds_max:
            left, moved = (now, loop.time()) if moves(left, now) else (left, moved)
            loop.call_later(POLL_SECONDS_MAX, look)
            return
        if now:
            abort(transport)
        transport.close()
        then()

    look()


async def _poll(is_so: Callable[[], bool]) -> None:
    pause = POLL_SECONDS_MIN
    while not is_so():
        await asyncio.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS_MAX)

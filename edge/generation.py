"""Does the hypervisor say that this machine was put back to a snapshot, or began as a copy of one (VM generation id)?

Linux hears it from the ACPI device VMGENCTR (driver `vmgenid`, 5.18 and later) and tells of it in two ways:

    kernel log   "random: crng reseeded due to virtual machine fork": always; to be read where kernel.dmesg_restrict is 0, or with
                 CAP_SYSLOG
    uevent       NEW_VMGENID=1 on a netlink socket: 6.8, and kernels of some distributors; 6.9 took it out again

Both are listened to. What was missed counts as said: it only costs a renewal. Whoever is not the kernel is not believed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import structlog

from edge.starts import Cause

KERNEL_LOG = Path("/dev/kmsg")
RECORD_BYTES_MAX = 8192
"""Of the kernel: a longer record does not come."""
READS_MAX = 256
"""In one turn of the loop."""
NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
RECEIVE_BUFFER_BYTES = 1024 * 1024

_UEVENT = b"NEW_VMGENID=1"
_LOGGED = re.compile(rb"([0-9]{1,10}),[^;]*;random: crng reseeded due to virtual machine fork\n")
_FACILITY_BITS = 3

log = structlog.get_logger("edge.generation")


class Way(StrEnum):
    """By which the kernel tells of it, as lines of the log name it."""

    UEVENT = "uevent"
    KERNEL_LOG = "kernel_log"


def is_new_by_uevent(message: bytes, sender: int) -> bool:
    """`sender`: the address that the message came from; the kernel's is 0."""
    return sender == 0 and _UEVENT in message.split(b"\0")[1:]


def is_new_by_log(record: bytes) -> bool:
    """A record of /dev/kmsg. What processes write there has a facility; the kernel's own is 0."""
    said = _LOGGED.match(record)
    return said is not None and int(said[1]) >> _FACILITY_BITS == 0


class Uevents:
    """Messages of the kernel about devices."""

    way: ClassVar[Way] = Way.UEVENT

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            self._socket.bind((0, KERNEL_GROUP))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def is_new(self) -> bool:
        """Of the next message. Raises BlockingIOError when there is none."""
        try:
            message, (sender, _) = self._socket.recvfrom(RECORD_BYTES_MAX)
        except OSError as failed:
            if failed.errno == errno.ENOBUFS:
                return True
            raise
        return is_new_by_uevent(message, sender)


class KernelLog:
    """From its end on."""

    way: ClassVar[Way] = Way.KERNEL_LOG

    def __init__(self, path: Path = KERNEL_LOG) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)

    def is_new(self) -> bool:
        """As of `Uevents`."""
        try:
            return is_new_by_log(os.read(self._descriptor, RECORD_BYTES_MAX))
        except BrokenPipeError:  # records were overwritten before they were read
            return True


Source = Uevents | KernelLog


def opened(kind: type[Source]) -> Source | None:
    """None where this machine does not let us."""
    try:
        return kind()
    except OSError as denied:
        log.info("generation_not_heard", source=kind.way.value, reason=type(denied).__name__)
        return None


async def watch(begin_anew: Callable[[Cause], None]) -> None:
    """Until cancelled."""
    with ExitStack() as stack:
        loop = asyncio.get_running_loop()
        kinds: tuple[type[Source], ...] = (Uevents, KernelLog)
        for kind in kinds:
            source = opened(kind)
            if source is None:
                continue
            stack.callback(source.close)
            loop.add_reader(source.fileno(), _hear, source, begin_anew)
            stack.callback(loop.remove_reader, source.fileno())
        await loop.create_future()


def _hear(source: Source, begin_anew: Callable[[Cause], None]) -> None:
    """All that has come, as one."""
    is_new = False
    try:
        for _ in range(READS_MAX):
            is_new = source.is_new() or is_new
    except BlockingIOError:
        pass
    except OSError as failed:  # nothing more will come of it
        log.warning("generation_not_heard", source=source.way.value, reason=type(failed).__name__)
        asyncio.get_running_loop().remove_reader(source.fileno())
    if is_new:
        begin_anew(Cause.GENERATION)

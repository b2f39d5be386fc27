"""What a kernel says when its machine began as a copy, or was put back; and who is not believed."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge import generation
from edge.generation import (
    NETLINK_KOBJECT_UEVENT,
    RECORD_BYTES_MAX,
    KernelLog,
    Source,
    Uevents,
    is_new_by_log,
    is_new_by_uevent,
)
from edge.starts import Cause

UEVENT = (
    b"change@/devices/platform/VMGENCTR:00\0ACTION=change\0DEVPATH=/devices/platform/VMGENCTR:00\0SUBSYSTEM=platform\0"
    b"NEW_VMGENID=1\0DRIVER=vmgenid\0SEQNUM=32548\0"
)
RECORD = b"5,341,1291477,-;random: crng reseeded due to virtual machine fork\n"
SECONDS_MAX = 20.0


@pytest.mark.parametrize(
    "message, sender, is_new",
    [
        (UEVENT, 0, True),
        (UEVENT, 4711, False),
        (UEVENT.replace(b"NEW_VMGENID", b"SYNTH_ARG_NEWVMGENID"), 0, False),
        (UEVENT.replace(b"NEW_VMGENID=1", b"NEW_VMGENID=10"), 0, False),
        (b"NEW_VMGENID=1", 0, False),
        (b"", 0, False),
    ],
)
def test_only_the_kernel_tells_of_a_new_generation(message: bytes, sender: int, is_new: bool) -> None:
    assert is_new_by_uevent(message, sender) is is_new


@pytest.mark.parametrize(
    "record, is_new",
    [
        (RECORD, True),
        (RECORD.replace(b"5,", b"13,", 1), False),
        (b"5,341,1291477,-;random: crng init done\n", False),
        (b"5,341,1291477,-;audit: random: crng reseeded due to virtual machine fork\n", False),
        (b"", False),
    ],
)
def test_only_the_kernels_own_record_tells_of_one(record: bytes, is_new: bool) -> None:
    assert is_new_by_log(record) is is_new


@pytest.fixture
def uevents() -> Iterator[Uevents]:
    try:
        opened = Uevents()
    except OSError:
        pytest.skip("no netlink socket for events of the kernel")
    try:
        yield opened
    finally:
        opened.close()


def test_a_process_that_says_so_on_the_same_socket_is_not_the_kernel(uevents: Uevents) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT) as other:
        other.bind((0, 0))
        try:
            other.sendto(UEVENT, (uevents._socket.getsockname()[0], 0))
        except PermissionError:
            pytest.skip("only root may say so")
        message, (sender, _) = uevents._socket.recvfrom(RECORD_BYTES_MAX)
        while message != UEVENT:  # of the machine that this runs on
            message, (sender, _) = uevents._socket.recvfrom(RECORD_BYTES_MAX)
    assert sender != 0
    assert not is_new_by_uevent(message, sender)


def test_events_that_were_missed_count_as_one(uevents: Uevents, monkeypatch: pytest.MonkeyPatch) -> None:
    class Overrun:
        def recvfrom(self, _: int) -> object:
            raise OSError(errno.ENOBUFS, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(uevents, "_socket", Overrun())
        assert uevents.is_new()


class Piped(KernelLog):
    """A log that the test writes."""

    def __init__(self) -> None:
        self._descriptor, self.end = os.pipe2(os.O_NONBLOCK)


async def test_the_agent_begins_anew_for_a_record_and_not_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    causes: list[Cause] = []
    logs: list[Piped] = []

    def opened(kind: type[Source]) -> Source | None:
        if kind is not KernelLog:
            return None
        logs.append(Piped())
        return logs[0]

    monkeypatch.setattr(generation, "opened", opened)
    watching = asyncio.get_running_loop().create_task(generation.watch(causes.append))
    async with asyncio.timeout(SECONDS_MAX):
        while not logs:
            await asyncio.sleep(0)
        os.write(logs[0].end, RECORD.replace(b"5,", b"13,", 1))
        while _unread(logs[0]):
            await asyncio.sleep(0.001)
        assert causes == []
        os.write(logs[0].end, RECORD)
        while not causes:
            await asyncio.sleep(0.001)
    watching.cancel()
    await asyncio.wait([watching])
    os.close(logs[0].end)
    assert causes == [Cause.GENERATION]


def _unread(log: Piped) -> bool:
    return bool(struct.unpack("i", fcntl.ioctl(log.fileno(), termios.FIONREAD, bytes(4)))[0])


def test_what_this_machine_does_not_let_us_hear_is_left_alone_and_named_by_a_word_that_stays() -> None:
    class Absent(KernelLog):
        def __init__(self) -> None:
            super().__init__(Path("/nonexistent/kmsg"))

    class Denied(Uevents):
        def __init__(self) -> None:
            raise PermissionError

    with capture_logs() as lines:
        assert generation.opened(Absent) is None
        assert generation.opened(Denied) is None
    assert [(line["source"], line["reason"]) for line in lines] == [
        ("kernel_log", "FileNotFoundError"),
        ("uevent", "PermissionError"),
    ]

"""One decoder process and the zygote that makes them, seen from the event loop.

A decoder is watched from outside while it works, every `POLL_SECONDS`: its age, processor time and resident memory. It
is reached through descriptors only (socket, pidfd, open files of /proc/PID), so a recycled process number can never be
meant.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from domicile.imaging.channel import (
    FORK,
    MESSAGE_BYTES_MAX,
    Broken,
    Hello,
    Reply,
    SandboxLimits,
    Setup,
    decode_hello,
    decode_reply,
)
from domicile.service.pool_settings import END_SECONDS_MAX, PoolSettings
from domicile.service.pool_verdict import Bounds, Death
from domicile.service.pool_watch import Gauges, Watch, out_of_memory_kills

LOST_SECONDS = 0.05
"""After a decoder's end: how long to see whether its zygote ended too, so that the input is not to blame."""
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from domicile.imaging.worker import main; main(sys.argv[2])"
"""The child imports what its parent would; it gets no other inheritance: no environment, no descriptors."""
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads would be lost by the fork, and are not wanted
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",  # codec threads would otherwise keep an arena each
    "PYTHONDONTWRITEBYTECODE": "1",
}


class DecoderGone(Exception):
    """The decoder process died, was killed or spoke nonsense; `reason` says which."""

    def __init__(self, reason: Death) -> None:
        super().__init__(reason)
        self.reason: Death = reason


class CannotFork(Exception):
    """The zygote is gone or did not answer in time."""


class Zygote:
    """The process that forks decoders. It ends with its parent, at the latest when the control socket closes; made from
    a thread, it ends with that thread (PR_SET_PDEATHSIG), and the pool makes another.
    """

    def __init__(self, settings: PoolSettings, handlers: Path | None = None, *, tells_features: bool = False) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        limits = SandboxLimits(
            memory_bytes_max=settings.memory_bytes_max,
            cpu_seconds_max=settings.cpu_seconds_max,
            jobs_max=settings.jobs_per_process_max,
            result_bytes_max=settings.result_bytes_max,
            niceness=settings.niceness,
        )
        setup = Setup(
            control=theirs.fileno(),
            handlers=str(handlers) if handlers else None,
            limits=limits,
            tells_features=tells_features,
        )
        command = [sys.executable, "-c", _BOOT, json.dumps(sys.path), msgspec.json.encode(setup).decode()]
        ours.setblocking(False)
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._pidfd = os.pidfd_open(self._process.pid)

    def fork(self) -> socket.socket:
        """Ask for a decoder; our end of its socket. Raises CannotFork."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                socket.send_fds(self._control, [FORK], [theirs.fileno()])
            except OSError as broken:
                ours.close()
                raise CannotFork("the decoder zygote does not listen") from broken
        ours.setblocking(False)
        return ours

    async def has_ended(self, seconds_max: float) -> bool:
        """Whether the process is gone, or goes within `seconds_max`."""
        return self._pidfd < 0 or await _readable(self._pidfd, seconds_max)

    async def close(self) -> None:
        """End it and whatever it forked."""
        self._control.close()
        try:
            if not await self.has_ended(END_SECONDS_MAX):
                self._process.kill()
                await self.has_ended(END_SECONDS_MAX)
        finally:
            self._process.poll()
            pidfd, self._pidfd = self._pidfd, -1
            if pidfd >= 0:
                os.close(pidfd)


class Decoder:
    """One decoder process. It belongs to one tenant from its first job on."""

    def __init__(self, zygote: Zygote, channel: socket.socket, hello: Hello, pidfd: int) -> None:
        self._zygote = zygote
        self.pid = hello.pid
        self.layers = hello.layers
        self.features = hello.features
        self.tenant: str | None = None
        self.jobs = 0
        self.idle_timer: asyncio.TimerHandle | None = None
        self._channel = channel
        self._pidfd = pidfd
        self._killed_for: Death | None = None
        self._gauges = Gauges(hello.pid)

    @classmethod
    async def fork(cls, zygote: Zygote, seconds_max: float) -> Self:
        """Have a process made, and wait until it has locked itself in. Raises CannotFork."""
        channel = zygote.fork()
        descriptors: list[int] = []
        try:
            if not await _readable(channel.fileno(), seconds_max):
                raise CannotFork("no decoder process in time")
            message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES_MAX, 1)
            if not message or len(descriptors) != 1:
                raise CannotFork("a decoder process ended before its first job")
            return cls(zygote, channel, decode_hello(message), descriptors[0])
        except BaseException as failed:
            channel.close()
            for descriptor in descriptors:
                os.close(descriptor)
            if isinstance(failed, (OSError, msgspec.MsgspecError)):
                raise CannotFork("a decoder process ended before its first job") from failed
            raise

    async def run(self, job: bytes, bodies: Sequence[int], bounds: Bounds) -> Reply:
        """Send a job, watch over it, return what came of it. `bodies`: sources in the job's order, then the result.

        Raises DecoderGone; the process is dead then. Cancelling the caller kills it too: a decoder cannot be asked to
        stop, and what it would answer belongs to nobody.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        watch = Watch(self._gauges, self.kill, loop, bounds)
        self.jobs += 1
        kernel_kills = out_of_memory_kills()
        try:
            socket.send_fds(self._channel, [job], list(bodies))
            loop.add_reader(self._channel.fileno(), self._receive, answer)
            watch.start()
            reply = decode_reply(await answer)
        except asyncio.CancelledError:
            self.kill("cancelled")
            raise
        except msgspec.MsgspecError as nonsense:
            self.kill("protocol")
            raise DecoderGone("protocol") from nonsense
        except OSError as ended:
            if self._killed_for is None:
                is_lost = await self._zygote.has_ended(LOST_SECONDS)
                did_kernel = out_of_memory_kills() != kernel_kills
                self.kill("zygote_lost" if is_lost else "out_of_memory" if did_kernel else "crash")
            raise DecoderGone(self._killed_for or "crash") from ended
        finally:
            watch.stop()
            if self._channel.fileno() >= 0:
                loop.remove_reader(self._channel.fileno())
        if isinstance(reply.outcome, Broken):
            self.kill("handler_failed")
        return reply

    def _receive(self, answer: asyncio.Future[bytes]) -> None:
        if answer.done():
            return
        try:
            message = self._channel.recv(MESSAGE_BYTES_MAX + 1)
        except BlockingIOError:
            return
        except OSError as broken:
            answer.set_exception(broken)
            return
        if message:
            answer.set_result(message)
        else:
            answer.set_exception(ConnectionResetError("the decoder process ended"))

    def resident_bytes(self) -> int:
        """Memory that the process holds now, shared pages included; 0 when it is gone."""
        return self._gauges.resident_bytes()

    def kill(self, reason: Death) -> None:
        """End it now. The first reason counts."""
        self._killed_for = self._killed_for or reason
        with suppress(OSError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    @property
    def is_alive(self) -> bool:
        return self._killed_for is None

    async def close(self) -> None:
        """Kill it, wait until it is gone (bounded), let go of all descriptors."""
        self.kill("closed")
        try:
            await _readable(self._pidfd, END_SECONDS_MAX)
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Close our descriptors; the process ends by itself, if it still can."""
        if self.idle_timer is not None:
            self.idle_timer.cancel()
        self.kill("closed")
        self._channel.close()
        self._gauges.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


async def _readable(descriptor: int, seconds_max: float) -> bool:
    """Wait until there is something to read; False after `seconds_max`."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _settle, ready)
    try:
        async with asyncio.timeout(seconds_max):
            await ready
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

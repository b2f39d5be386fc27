"""The decoder process, child side: a zygote that preloads and forks, and the loop of one locked-in worker.

The zygote (started by `domicile.service.pool_process`) never sees media. It loads every codec once, then forks a
worker for each socket that it is handed: milliseconds instead of a quarter second, and the libraries' memory is shared.
A worker locks itself in (`sandbox.py`) and then takes jobs until its socket closes. The zygote ends when the serving
process does (its end of the control socket closes) and takes all workers with it.

Beside the sandbox's own trial this is the only file of `domicile.imaging` that knows sockets: it inherits them, and its
walls forbid new ones.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import mmap
import os
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any, NoReturn

import msgspec

from domicile.imaging import sandbox
from domicile.imaging.channel import (
    BODIES_MAX,
    MESSAGE_BYTES_MAX,
    Broken,
    Hello,
    Reply,
    SandboxLimits,
    Setup,
    decode_job,
    encode,
)
from domicile.imaging.job import GatherJob, Job, Outcome, ProbeJob, Refused, RenderJob
from domicile.imaging.memory import give_back

QUIET_SECONDS = 0.5
"""Without a job for so long, a worker gives free memory back."""
END = signal.SIGUSR1
"""Ends the workers of a zygote, and nobody else."""

OURS = Path(__file__).parents[1]
"""Where the code lies whose lines may be told."""

Source = bytes | mmap.mmap


def _gathers_nothing(_source: Source, _job: GatherJob) -> tuple[Outcome, bytes]:
    """Of handlers that tests bring, which may have none."""
    return Refused(code="bad_transformation", message="Not here"), b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """The three jobs. Bad input is answered with Refused, not raised. `render` gets the layers in the job's order, too."""

    probe: Callable[[Source, ProbeJob], Outcome]
    render: Callable[[Source, RenderJob, tuple[Source, ...]], tuple[Outcome, bytes]]
    gather: Callable[[Source, GatherJob], tuple[Outcome, bytes]] = _gathers_nothing


# --- the zygote -------------------------------------------------------------------------------------------------------


def main(setup_json: str) -> NoReturn:
    """Life of the zygote: `setup_json` is a `Setup`."""
    setup = msgspec.json.decode(setup_json, type=Setup)
    parent, own = os.getppid(), os.getpid()
    sandbox.name_process("decoder-zygote")
    is_alone = sandbox.leave_network()
    sandbox.die_with(parent)  # after the namespaces: a change of credentials would clear it
    os.setsid()  # Ctrl-C goes to a whole process group: this is another one, and ends with its socket
    sandbox.step_back_as_session(setup.limits.niceness)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # an init system's word to the whole service: the parent decides when
    signal.signal(END, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers are watched through pidfds; nobody waits for their status
    gc.disable()  # until all is there that stays
    handlers = load_handlers(setup.handlers)
    features = importlib.import_module("domicile.imaging.features").installed() if setup.tells_features else None
    gc.collect()
    gc.freeze()  # what is loaded stays in shared pages: the collector does not write to it
    gc.enable()
    with socket.socket(fileno=setup.control) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 1)
            if not message:
                _end()
            if descriptors and os.fork() == 0:
                control.close()
                _live(socket.socket(fileno=descriptors[0]), handlers, setup, features, zygote=own, is_alone=is_alone)
            for descriptor in descriptors:
                os.close(descriptor)


def _end() -> NoReturn:
    """Take all workers along and see them off, so that no zombie is left to a PID 1 that may not reap."""
    os.killpg(0, END)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)  # returns when the last one is gone: their status is ignored
    os._exit(0)


def load_handlers(path: str | None) -> Handlers:
    """Import whatever a decoder may need: behind the walls nothing can be loaded any more.

    `path` names a Python file with other handlers, for tests; they load what they need.
    """
    if path is None:
        importlib.import_module("domicile.imaging.preload").preload()
        probe: Any = importlib.import_module("domicile.imaging.probe")
        render: Any = importlib.import_module("domicile.imaging.pipeline")
        gather: Any = importlib.import_module("domicile.imaging.gather")
    else:
        spec = importlib.util.spec_from_file_location("decoder_handlers", path)
        assert spec is not None
        assert spec.loader is not None
        probe = render = gather = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(probe)
    return Handlers(probe=probe.probe, render=render.render, gather=getattr(gather, "gather", _gathers_nothing))


# --- a worker ---------------------------------------------------------------------------------------------------------


def _live(
    channel: socket.socket,
    handlers: Handlers,
    setup: Setup,
    features: dict[str, object] | None,
    *,
    zygote: int,
    is_alone: bool,
) -> NoReturn:
    """From the fork to the end of the process. Nothing may return into the zygote's loop."""
    try:
        sandbox.die_with(zygote)
        sandbox.name_process("decoder")
        signal.signal(END, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _silence()
        own = os.pidfd_open(os.getpid())
        channel.settimeout(QUIET_SECONDS)
        holds = {"namespaces": is_alone, **sandbox.lock_down(setup.limits)}
        socket.send_fds(channel, [encode(Hello(pid=os.getpid(), layers=holds, features=features))], [own])
        os.close(own)
        while serve_one(channel, handlers, setup.limits):
            pass
    finally:
        os._exit(0)


def _silence() -> None:
    """What codecs print may quote what they read: send it nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def serve_one(channel: socket.socket, handlers: Handlers, limits: SandboxLimits) -> bool:
    """Take a job, do it, answer, tidy up. False when there will be no more."""
    message, bodies = _next_job(channel)
    if not message:
        return False
    job = decode_job(message)
    if len(bodies) != 2 + _layers_of(job):
        return False
    *sources, result = bodies
    sandbox.allow_processor_seconds(limits.cpu_seconds_max)
    try:
        reply = _work(job, sources, result, handlers, limits.result_bytes_max)
    finally:
        os.close(result)
    channel.send(encode(reply))
    gc.collect()  # what hangs together in cycles may be pixels
    return True


def _next_job(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Wait for it. After a first quiet moment return free heap to the kernel: between jobs in a row that would only be
    faulted in again, at a tenth of a job's cost.
    """
    is_trimmed = False
    while True:
        try:
            message, bodies, _, _ = socket.recv_fds(channel, MESSAGE_BYTES_MAX, BODIES_MAX)
            return message, bodies
        except TimeoutError:
            if not is_trimmed:
                give_back()
            is_trimmed = True


def _work(job: Job, sources: list[int], result: int, handlers: Handlers, result_bytes_max: int) -> Reply:
    outcome: Outcome | Broken
    body = b""
    try:
        outcome, body = _handle(job, [_map(source) for source in sources], handlers)
        if len(body) > result_bytes_max:
            outcome, body = Refused(code="limit_exceeded", message="The rendition has too many bytes"), b""
        _write(result, body)
    except Exception as broken:  # noqa: BLE001 - this is the top of the process; the serving side counts and ends us
        outcome, body = Broken(error=type(broken).__name__, where=_where(broken)), b""
    resident = getrusage(RUSAGE_SELF).ru_maxrss * 1024
    return Reply(outcome=outcome, body_bytes=len(body), resident_bytes=resident)


def _layers_of(job: Job) -> int:
    return len(job.layers) if isinstance(job, RenderJob) else 0


def _handle(job: Job, sources: list[Source], handlers: Handlers) -> tuple[Outcome, bytes]:
    source, *layers = sources
    match job:
        case ProbeJob():
            return handlers.probe(source, job), b""
        case RenderJob():
            return handlers.render(source, job, tuple(layers))
        case GatherJob():
            return handlers.gather(source, job)


def _map(source: int) -> Source:
    """Read-only and private: a write-sealed memfd cannot be mapped shared before Linux 6.7. The descriptor is closed:
    a mapping has one of its own, and a process may have only so many.
    """
    try:
        size = os.fstat(source).st_size
        return mmap.mmap(source, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) if size else b""
    finally:
        os.close(source)


def _write(result: int, body: bytes) -> None:
    left, offset = memoryview(body), 0
    while left:
        written = os.pwrite(result, left, offset)
        left, offset = left[written:], offset + written


def _where(error: Exception) -> str:
    """part/file.py:line of the innermost frame that is ours: the place of a library says little, its path too much."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(OURS):
            return f"{path.relative_to(OURS).as_posix()}:{frame.lineno}"
    return ""

"""Handlers for tests of the pool: what a job does is written in its source. Loaded by path into real decoder processes."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import threading
import time

from domicile.imaging.job import Done, Outcome, ProbeJob, Refused, RenderJob
from domicile.media.facts import SourceFacts

FACTS = SourceFacts(
    format="png", width=1, height=1, frames=1, has_alpha=False, orientation=1, body_bytes=0, md5="", mode="L"
)


HOARD: list[bytes] = []


def probe(source, job: ProbeJob) -> Outcome:
    return _act(bytes(source))[0]


def render(source, job: RenderJob, layers) -> tuple[Outcome, bytes]:
    """The first layer that has something to say acts; `layers` says what each body is."""
    if bytes(source) == b"layers":
        told = (f"{layer.name}={bytes(body).decode()}" for layer, body in zip(job.layers, layers, strict=True))
        return _ok(" ".join(told).encode())
    for layer in layers:
        if bytes(layer) not in {b"quiet", b"quiet too"}:
            return _act(bytes(layer), job.transformation)
    return _act(bytes(source), job.transformation)


def _ok(body: bytes = b"", content_type: str = "image/png") -> tuple[Outcome, bytes]:
    return Done(source=FACTS, content_type=content_type, format="png", width=1, height=1), body


def _channel() -> socket.socket:
    """The job socket of this process, found as an escaped decoder would."""
    return next(found for found in gc.get_objects() if isinstance(found, socket.socket) and found.fileno() >= 0)


def _try(act) -> bytes:
    try:
        act()
    except OSError as refused:
        return f"refused {refused.errno}".encode()
    return b"worked"


def _act(source: bytes, transformation: str = "") -> tuple[Outcome, bytes]:
    word, _, rest = source.partition(b" ")
    match word.decode():
        case "echo":
            return _ok(rest)
        case "pid":
            return _ok(str(os.getpid()).encode())
        case "nap":
            time.sleep(float(rest))
            return _ok(str(os.getpid()).encode())
        case "transformation":
            return _ok(transformation.encode())
        case "refuse":
            return Refused(code=rest.decode(), message="No, thank you"), b""
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(3600)
        case "spin":
            while True:
                pass
        case "hoard":  # and keep it, as an encoder's heap does
            HOARD.append(b"x" * (int(rest) << 20))
            return _ok(str(os.getpid()).encode())
        case "use":  # honest: so much, for a moment long enough to be seen
            much = b"x" * (int(rest) << 20)
            time.sleep(0.1)
            return _ok(str(len(much)).encode())
        case "once":  # break a process that has worked before; a fresh one is well
            if HOARD:
                os._exit(3)
            return _ok(b"well")
        case "only-plain-is-well":
            if transformation != "c_limit,h_16,w_16":
                os._exit(3)
            return _ok(b"well")
        case "allocate":
            return _ok(str(len(bytearray(int(rest) << 20))).encode())
        case "own-bug":
            raise PermissionError("a text that must not travel")
        case "eat":
            hoard = []
            while True:
                hoard.append(b"x" * (8 << 20))
                time.sleep(float(rest or b"0"))
        case "eat-shared":  # mapped anonymous shared memory: not private data, only the watchdog sees it
            import mmap

            maps = []
            while True:
                maps.append(mmap.mmap(-1, 8 << 20))
                maps[-1].write(b"x" * (8 << 20))
                time.sleep(0.01)
        case "huge":
            return _ok(b"x" * int(rest))
        case "raise":
            raise KeyError("a text that must not travel")
        case "memory-error":
            raise MemoryError
        case "close":
            _channel().close()
            time.sleep(3600)
        case "garbage":
            _channel().send(b"\xc1 garbage")
            time.sleep(3600)
        case "flood":
            _channel().send(b"x" * 70_000)
            time.sleep(3600)
        case "html":
            return _ok(b"<script>", "text/html")
        case "lie":
            return Done(source=FACTS, content_type="image/png", format="p\n", width=1, height=1), b""
        case "header":
            return Refused(code="undecodable_media", message="a\r\nSet-Cookie: b"), b""
        case "try-socket":
            return _ok(_try(socket.socket))
        case "try-read":
            return _ok(_try(lambda: open("/etc/passwd").close()))
        case "try-write":
            return _ok(_try(lambda: open(rest.decode(), "w").close()))
        case "try-fork":
            return _ok(_try(lambda: os.fork() or os._exit(0)))
        case "try-exec":
            return _ok(_try(lambda: os.execv("/bin/true", ["true"])))
        case "try-kill":
            return _ok(_try(lambda: os.kill(os.getppid(), 9)))
        case "try-memfd":
            return _ok(_try(lambda: os.memfd_create("more")))
        case "try-executable":
            import mmap

            return _ok(_try(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)))
        case "thread":
            heard: list[bytes] = []
            thread = threading.Thread(target=heard.append, args=(b"thread",))
            thread.start()
            thread.join()
            return _ok(heard[0])
        case "limits":
            import resource

            names = ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_FSIZE")
            return _ok(repr({name: resource.getrlimit(getattr(resource, name))[0] for name in names}).encode())
        case "surroundings":
            return _ok(" ".join(sorted(os.environ)).encode())
        case _:
            pass
    return Refused(code="undecodable_media", message="Unknown word"), b""

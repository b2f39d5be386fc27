"""One fetch for many viewers: the passthrough, nginx and Varnish in the four situations that tell caches apart.

    misses   20 viewers at once; the origin takes 0.5 s to its head and 1.5 s more to its end
    join     a viewer who comes at 0.8 s of a body that takes 2 s
    stalled  20 MB while who asked first takes nothing
    aborted  who asked first leaves in the middle; a viewer 3 s later

A row is `within` when every situation costs one fetch, followers have their first byte no later than who asked first, nobody
waits for the one who takes nothing, and the last viewer has a hit.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import peers_http
from tests.conformance.passthrough_process import PassthroughProcess

VIEWERS = 20
HEAD_SECONDS, BODY_SECONDS = 0.5, 1.5
JOIN_SECONDS, JOINED_BODY_SECONDS = 0.8, 2.0
BODY_BYTES, LARGE_BYTES = 1_500_000, 20_000_000
PIECES = 30
LATER_SECONDS = 3.0
WAIT_SECONDS_MAX = 8.0
"""Who has waited so long is written down as blocked."""
LATE_SECONDS = 0.25
"""By which a follower's first byte may come after the leader's: the machine does other things."""


@dataclass
class Origin:
    """`/WHAT/BYTES/SECONDS_TO_HEAD/SECONDS_OF_BODY`, fresh for a minute; counts what is asked for."""

    fetches: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode()
                _, _, size, to_head, of_body = target.split("/")
                self.fetches[target] += 1
                await asyncio.sleep(float(to_head))
                writer.write(f"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {size}\r\n\r\n".encode())
                for _ in range(PIECES):
                    writer.write(bytes(int(size) // PIECES))
                    await writer.drain()
                    await asyncio.sleep(float(of_body) / PIECES)
                writer.write(bytes(int(size) % PIECES))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Got:
    first_seconds: float
    whole_seconds: float


async def asked(port: int, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
    return reader, writer


async def get(port: int, target: str) -> Got:
    """WAIT_SECONDS_MAX for what did not come by then."""
    began, first = time.perf_counter(), WAIT_SECONDS_MAX
    reader, writer = await asked(port, target)
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            first = time.perf_counter() - began
            while await reader.read(2**18):
                pass
    except TimeoutError:
        return Got(first, WAIT_SECONDS_MAX)
    finally:
        writer.transport.abort()
    return Got(first, time.perf_counter() - began)


async def situations(port: int, origin: Origin) -> dict[str, Any]:
    misses, join, stalled, aborted = (
        f"/misses/{BODY_BYTES}/{HEAD_SECONDS}/{BODY_SECONDS}",
        f"/join/{BODY_BYTES}/0/{JOINED_BODY_SECONDS}",
        f"/stalled/{LARGE_BYTES}/0/0",
        f"/aborted/{LARGE_BYTES}/0/1.5",
    )
    all_at_once = await asyncio.gather(*(get(port, misses) for _ in range(VIEWERS)))
    leader = asyncio.ensure_future(get(port, join))
    await asyncio.sleep(JOIN_SECONDS)
    joined = await get(port, join)
    await leader
    reader, writer = await asked(port, stalled)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    behind = await get(port, stalled)
    writer.transport.abort()
    reader, writer = await asked(port, aborted)
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1000)
    writer.transport.abort()
    await asyncio.sleep(LATER_SECONDS)
    before = origin.fetches[aborted]
    later = await get(port, aborted)
    return {
        "misses: fetches": origin.fetches[misses],
        "misses: last first byte": max(got.first_seconds for got in all_at_once),
        "join: fetches": origin.fetches[join],
        "join: first byte": joined.first_seconds,
        "stalled: fetches": origin.fetches[stalled],
        "stalled: whole": behind.whole_seconds,
        "aborted: fetches": origin.fetches[aborted],
        "aborted: later hit": origin.fetches[aborted] == before and later.whole_seconds < WAIT_SECONDS_MAX,
    }


def is_within(row: dict[str, Any]) -> bool:
    return (
        all(row[f"{name}: fetches"] == 1 for name in ("misses", "join", "stalled", "aborted"))
        and row["misses: last first byte"] < HEAD_SECONDS + LATE_SECONDS
        and row["join: first byte"] < LATE_SECONDS
        and row["stalled: whole"] < WAIT_SECONDS_MAX / 4
        and row["aborted: later hit"]
    )


def measure(work: Path) -> list[dict[str, Any]]:
    """One row a program."""
    lacking = [name for name in peers_http.missing() if name in {"nginx", "varnishd"}]
    if lacking:
        raise SystemExit(f"fills needs {', '.join(lacking)}: apt-get install nginx-light varnish")
    ours = [
        asyncio.run(_one(partial(_domicile, work / "edge-1", workers=1))),
        asyncio.run(_one(partial(_domicile, work / "edge-2", workers=2))),
    ]
    peers = [
        asyncio.run(_one(start))
        for start in (
            partial(peers_http.nginx, work / "nginx", updating=False),
            partial(peers_http.nginx, work / "nginx-updating", updating=True),
            partial(peers_http.varnish, work / "varnish"),
        )
    ]
    return [*({**row, "within": is_within(row)} for row in ours), *({**row, "within": "-"} for row in peers)]


class _Domicile:
    def __init__(self, process: PassthroughProcess, workers: int) -> None:
        self.name = f"Domicile passthrough, {workers} workers"
        self.port = process.port
        self._process = process

    def stop(self) -> None:
        self._process.__exit__(None, None, None)


def _domicile(directory: Path, origin: int, *, workers: int) -> _Domicile:
    return _Domicile(PassthroughProcess(directory, origin, workers=workers).__enter__(), workers)


async def _one(start: Callable[[int], peers_http.Peer | _Domicile]) -> dict[str, Any]:
    origin = Origin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    peer = await asyncio.to_thread(start, server.sockets[0].getsockname()[1])
    try:
        row = {"program": peer.name, **await situations(peer.port, origin)}
    finally:
        await asyncio.to_thread(peer.stop)
        server.close()
    print(row)
    return row

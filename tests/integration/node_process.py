"""A whole edge node of real processes on a real origin, with a proxy on the wire between them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import aiohttp
from yarl import URL

from edge.counters import totals
from edge.page import SharedPage
from tests.integration.origin_process import OriginProcess
from tests.integration.wire_proxy import WireProxy

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 40.0
STOP_SECONDS_MAX = 30.0
CONNECTIONS_TRIED_MAX = 400


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        match = re.search(r";\s*(hit|fwd=[a-z-]+)", self.headers.get("cache-status", ""))
        return match[1] if match else ""

    @property
    def tier(self) -> str:
        match = re.search(r"detail=([a-z]+)", self.headers.get("cache-status", ""))
        return match[1] if match else ""


class Connection:
    """One keep-alive connection, and the worker at its other end."""

    def __init__(self, port: int) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, force_close=False), auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=60),
        )  # fmt: skip
        self._port = port
        self.slot = -1

    async def get(self, path: str, **headers: str) -> Got:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(f"http://127.0.0.1:{self._port}{path}", encoded=True)
        async with self._http.get(url, headers=sent, allow_redirects=False) as response:
            body = await response.read()
            return Got(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    async def body_bytes(self, path: str) -> int:
        """How long the answer is; it is not held here."""
        async with self._http.get(f"http://127.0.0.1:{self._port}{path}") as response:
            response.raise_for_status()
            return sum([len(piece) async for piece in response.content.iter_any()])

    async def close(self) -> None:
        await self._http.close()


@dataclass
class Node:
    """`python -m edge` on a directory of its own."""

    directory: Path
    workers: int
    environment: dict[str, str] = field(default_factory=dict)
    config: Path | None = None
    """Settings that the environment does not have; read again at a restart."""
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    _page: SharedPage | None = None

    @property
    def log(self) -> Path:
        return self.directory / "edge.log"

    @property
    def cache(self) -> Path:
        return self.directory / "data" / "edge-cache"

    async def spawn(self, **changes: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "DOMICILE_EDGE_LISTEN": f"127.0.0.1:{self.port}",
            "DOMICILE_EDGE_WORKERS": str(self.workers),
            "DOMICILE_EDGE_DATA_DIR": str(self.directory / "data"),
            "DOMICILE_EDGE_RUN_DIR": str(self.directory / "run"),
            "DOMICILE_EDGE_ORIGIN_BASE": f"unix:{self.directory / 'wire.sock'}",
            "DOMICILE_EDGE_NODE_RECYCLE_SECONDS": "0",
            **self.environment,
            **changes,
        }
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge", *(("--config", str(self.config)) if self.config else ()),
                stdout=asyncio.subprocess.PIPE, stderr=log, stdin=asyncio.subprocess.DEVNULL, env=environment, cwd=ROOT,
            )  # fmt: skip

    async def start(self, seconds_max: float = READY_SECONDS_MAX) -> None:
        self.process = await self.spawn()
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds_max):
            async for line in self.process.stdout:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if said.get("event") == "edge_ready":
                    self.port = said["port"]
                    self._page = SharedPage.open(self.directory / "run" / "page")
                    return
        raise AssertionError(self.log.read_text()[-3000:])

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await self.process.communicate()
        self.process = None
        if self._page is not None:
            self._page.close()
            self._page = None

    @property
    def page(self) -> SharedPage:
        assert self._page is not None
        return self._page

    def count(self, name: str, *, slot: int | None = None, **labels: str) -> float:
        """Sum of the points of one metric whose labels match."""
        slots = self.page.slots[: self.workers] if slot is None else (self.page.slots[slot],)
        points = [point for point in totals(one.counters for one in slots) if point.name == name]
        return sum(point.value for point in points if labels.items() <= point.labels.items())

    async def connection(self, slot: int) -> Connection:
        """A new connection that this worker has accepted; others are opened until one is there."""
        for _ in range(CONNECTIONS_TRIED_MAX):
            opened = await self.any_connection()
            if opened.slot == slot:
                return opened
            await opened.close()
        raise AssertionError(f"worker {slot} accepts no connection")

    async def any_connection(self) -> Connection:
        """A new connection, with the worker known that has accepted it."""
        opened = Connection(self.port)
        before = [self.count("requests", slot=slot, route="service") for slot in range(self.workers)]
        try:
            await opened.get("/healthz")
        except BaseException:
            await opened.close()
            raise
        while True:  # counted when the response is over, a moment after it arrived
            after = [self.count("requests", slot=slot, route="service") for slot in range(self.workers)]
            changed = [slot for slot in range(self.workers) if after[slot] != before[slot]]
            if changed:
                break
            await asyncio.sleep(0.001)
        assert len(changed) == 1
        opened.slot = changed[0]
        return opened


@dataclass
class Stack:
    directory: Path
    origin: OriginProcess
    proxy: WireProxy
    node: Node

    async def upload(self, public_id: str, body: bytes, **options: object) -> dict:
        """By the official SDK, as anybody would."""
        import io

        uploader = self.origin.sdk().uploader
        answer = await asyncio.to_thread(uploader.upload, io.BytesIO(body), public_id=public_id, **options)
        assert isinstance(answer, dict)
        return answer

    async def get(self, path: str, **headers: str) -> Got:
        """On a connection of its own, whichever worker takes it."""
        connection = Connection(self.node.port)
        try:
            return await connection.get(path, **headers)
        finally:
            await connection.close()

    async def everywhere(self, path: str) -> list[Got]:
        """The answer of every worker."""
        replies = []
        for slot in range(self.node.workers):
            connection = await self.node.connection(slot)
            try:
                replies.append(await connection.get(path))
            finally:
                await connection.close()
        return replies


@asynccontextmanager
async def running_stack(
    *,
    workers: int = 2,
    lease_seconds: float | None = None,
    origin_environment: Mapping[str, str] = MappingProxyType({}),
    config: str = "",
    **environment: str,
) -> AsyncIterator[Stack]:
    """Origin, proxy and node, in a short directory (socket paths are short). `config`: TOML for the node."""
    directory = Path(tempfile.mkdtemp(prefix="dom-"))
    origin = OriginProcess(directory, origin_environment)
    proxy = WireProxy(origin.socket)
    node = Node(directory, workers, dict(environment))
    if config:
        node.config = directory / "edge.toml"
        node.config.write_text(config, "utf-8")
    if lease_seconds is not None:
        write_policy(origin.data, lease_seconds)
    try:
        await asyncio.to_thread(origin.start)
        await proxy.start(directory / "wire.sock")
        await node.start()
        yield Stack(directory, origin, proxy, node)
    finally:
        await node.stop()
        await proxy.stop()
        if origin.process is not None:
            await asyncio.to_thread(origin.stop)
        shutil.rmtree(directory, ignore_errors=True)


def write_policy(data: Path, lease_seconds: float) -> None:
    """Before the cloud is made, so that no edge is ever given another lease."""
    data.mkdir(mode=0o700)
    (data / "policies").mkdir(mode=0o700)
    (data / "policies" / "demo.toml").write_text(f'tenant = "demo"\nlease_seconds = {lease_seconds}\n', "utf-8")


def picture(color: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG of one colour."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    """A PNG that cannot be compressed."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def color_of(body: bytes) -> tuple[int, int, int]:
    """The colour in the middle of a picture."""
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(body)).convert("RGB")
    found = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return (int(found[0]), int(found[1]), int(found[2]))


async def until(true, seconds_max: float = 10.0) -> None:
    end = time.monotonic() + seconds_max
    while not true():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.01)

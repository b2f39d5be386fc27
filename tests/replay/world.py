"""A world of one process: the real origin and real edges, on the test's clocks and lines, with a CDN that keeps copies.

    async with world(loop) as w:
        await w.lease("a")
        await w.fetch("a", "jane")
        await w.erase("jane")

The oracle stands where bytes leave: nothing of an erased version may leave an edge once the origin calls its erasure fenced.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.infra.records import CLOUD
from tests.replay.clocks import Clocks
from tests.replay.loop import Loop
from tests.replay.network import ANSWERED, SENT, Line
from tests.replay.node import CDN_SECRET, PlayedNode
from tests.replay.origin import PlayedOrigin, running
from tests.replay.pipe import End, connected

HELD = frozenset({"lease", "journal", "ack", "resolve", "blob", "tier"})
"""Calls that wait until a test lets them go."""
TURNS_MAX = 12
"""Calls of one kind that one step lets go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Of an edge's memory: what the origin and the clock have to do with."""

    start: str
    nonce: int
    left_ns: int
    """Of its lease."""


class Refused(Exception):
    """The real code does not do this now."""


@dataclass(slots=True)
class Erased:
    """One erasure and what is known of it."""

    erasure_id: str
    seq: int
    body: bytes
    is_fenced: bool = False
    """The origin has said so once."""
    committed_at: float = 0.0
    fenced_at: float | None = None


class Viewer(asyncio.Protocol):
    """Somebody at an edge, with one connection and one request."""

    def __init__(self) -> None:
        self.got = b""
        self.end: End
        """The edge's end of it."""
        self.is_over = False

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, _: Exception | None) -> None:
        self.is_over = True

    @property
    def status(self) -> int:
        """0: no answer."""
        match = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", self.got)
        return int(match[1]) if match else 0

    @property
    def tags(self) -> frozenset[str]:
        match = re.search(rb"(?i)\r\nsurrogate-key: ([^\r]+)", self.got)
        return frozenset(match[1].decode().split()) if match else frozenset()


@dataclass(slots=True)
class World:
    loop: Loop
    group: asyncio.TaskGroup
    directory: Path
    origin: PlayedOrigin
    nodes: dict[str, PlayedNode]
    bodies: dict[str, bytes] = field(default_factory=dict)
    """By public_id, of those that were uploaded and not erased."""
    gone: dict[str, bytes] = field(default_factory=dict)
    """Of those that were erased, the last one under each name."""
    erased: list[Erased] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    approved: dict[str, Viewer] = field(default_factory=dict)
    """By edge: a response of a worker that stands just before it writes."""

    # --- oracle ---------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """What is fenced by now?"""
        for one in self.erased:
            if not one.is_fenced and self.origin.is_up and self.origin.is_fenced(one.seq):
                one.is_fenced, one.fenced_at = True, self.origin.clocks.monotonic()

    def leaves(self, edge: str, data: bytes) -> None:
        self.look()
        for one in self.erased:
            if one.is_fenced and one.body in data:
                self.violations.append(f"{edge}: bytes after fenced")

    # --- lines ----------------------------------------------------------------------------------------------------------

    async def let(self, line: Line, what: str, at: str = SENT) -> None:
        """The oldest call of that kind goes on. Raises Refused when there is none."""
        message = line.find(what, at)
        if message is None:
            raise Refused(f"no {what} is {at}")
        message.let()
        await self.loop.settle()

    async def let_there_and_back(self, line: Line, what: str) -> None:
        await self.let(line, what)
        if line.find(what, ANSWERED) is not None:
            await self.let(line, what, ANSWERED)

    async def lose(self, line: Line, what: str) -> None:
        for at in (SENT, ANSWERED):
            if (message := line.find(what, at)) is not None:
                message.lose()
        await self.loop.settle()

    # --- lease and journal ----------------------------------------------------------------------------------------------

    async def ask_for_lease(self, edge: str) -> None:
        """Now, and by no request of before."""
        node = self.nodes[edge]
        await self.lose(node.line, "lease")
        if node.line.find("lease") is None:
            node.agent.agent._hurry()
            await self.loop.settle()
        if node.line.find("lease") is None:
            raise Refused("no lease is asked for")

    async def take_lease(self, edge: str) -> None:
        node = self.nodes[edge]
        before = node.page.lease_deadline_ns
        await self.let(node.line, "lease", ANSWERED)
        await self.loop.settle()
        if node.page.lease_deadline_ns <= before:
            raise Refused("the lease does not count")
        await self.deliver_acks(edge)

    async def lease(self, edge: str) -> None:
        await self.ask_for_lease(edge)
        await self.let(self.nodes[edge].line, "lease")
        await self.take_lease(edge)

    async def deliver_acks(self, edge: str) -> None:
        line = self.nodes[edge].line
        for _ in range(TURNS_MAX):
            if line.find("ack") is None:
                return
            await self.let_there_and_back(line, "ack")

    async def apply(self, edge: str) -> None:
        """All that the journal has for it."""
        node, head = self.nodes[edge], await self.head()
        for _ in range(TURNS_MAX):
            tenant = node.agent.agent._node.tenants.get(CLOUD)
            if tenant is None or tenant.refused:
                raise Refused("this edge does not follow the journal")
            if tenant.cursor.seq >= head:
                return
            if node.line.find("journal", ANSWERED) is not None:
                await self.let(node.line, "journal", ANSWERED)
            else:
                await self.let_there_and_back(node.line, "journal")
        raise Refused("the journal is not applied")

    async def ack(self, edge: str, seq: int) -> None:
        line = self.nodes[edge].line
        await self.deliver_acks(edge)
        leases = self.origin.records._core.leases
        boot = self.nodes[edge].agent.agent.starts.identity.boot
        acked = [one for (_, its_boot), one in leases._instances.items() if its_boot == boot]
        if not acked or acked[0].applied.get(CLOUD, 0) < seq:
            raise Refused("no ack comes" + ("" if line.find("ack") is None else " through"))

    async def head(self) -> int:
        return (await self.origin.records._core.journal.heads())[CLOUD].seq

    # --- viewers --------------------------------------------------------------------------------------------------------

    async def ask(self, edge: str, public_id: str, *, method: str = "GET", holds: bool = False) -> Viewer:
        """A request as the CDN sends it. `holds`: the worker is stopped where it would write."""
        viewer, node = Viewer(), self.nodes[edge]
        try:
            server = node.viewers()
        except OSError as gone:
            raise Refused("nobody listens") from gone
        viewer.end, client = connected(server, viewer, leaves=lambda data: self.leaves(edge, data))
        viewer.end.held = [] if holds else None
        lines = [f"{method} {path_of(public_id)} HTTP/1.1", "Host: edge", f"Domicile-CDN-Secret: {CDN_SECRET}", "", ""]
        client.write("\r\n".join(lines).encode())
        await self.loop.settle()
        return viewer

    async def fetch(self, edge: str, public_id: str) -> Viewer:
        """Ask, and let whatever it takes come through."""
        viewer, line = await self.ask(edge, public_id), self.nodes[edge].line
        for _ in range(TURNS_MAX):
            if viewer.status or viewer.is_over:
                break
            waiting = next((m for m in line.under_way if m.what in {"resolve", "blob", "tier"}), None)
            if waiting is None:
                break
            waiting.let()
            await self.loop.settle()
        return viewer

    async def approve(self, edge: str, public_id: str) -> Viewer:
        """A response comes as far as the write, where its worker is stopped."""
        viewer = await self.ask(edge, public_id, holds=True)
        body = self.bodies.get(public_id) or self.gone[public_id]
        if body not in b"".join(viewer.end.held or ()):
            viewer.end.let_go()
            viewer.end.abort()
            await self.loop.settle()
            raise Refused(f"nothing is written: {viewer.status or 'no answer'}")
        self.nodes[edge].runs.clear()
        self.approved[edge] = viewer
        return viewer

    async def write(self, edge: str) -> Viewer:
        """The worker goes on."""
        viewer, node = self.approved.pop(edge, None), self.nodes[edge]
        if viewer is None:
            raise Refused("nothing was approved")
        if node.is_up and not viewer.end.is_closing():
            viewer.end.let_go()
        node.runs.set()
        await self.loop.settle()
        return viewer

    # --- machines -------------------------------------------------------------------------------------------------------

    async def copy(self, edge: str, name: str) -> None:
        """Somebody copies the disk of an edge, and starts another machine from it."""
        there = self.nodes[edge].settings.data_dir
        shutil.copytree(there, self.directory / name, ignore=shutil.ignore_patterns("run"))
        node = self.nodes[name] = PlayedNode(self.group, self.loop, self.directory / name, self.origin.answers)
        node.line.holds |= HELD
        await node.start()

    def snapshot(self, edge: str) -> Snapshot:
        """All that a machine goes on by."""
        page = self.nodes[edge].page
        return Snapshot(start=page.start, nonce=page.nonce, left_ns=page.lease_deadline_ns - page.now_ns())

    def freeze(self, edge: str) -> None:
        """Until it goes on as another: its clock stands still, and the origin has never heard of it."""
        node = self.nodes[edge]
        who = node.agent.agent.starts.identity
        self.origin.records._core.leases._instances.pop((who.node, who.boot))
        node.clocks.run_at(0.0)

    def go_on(self, edge: str, taken: Snapshot) -> None:
        """As a machine with what that one held. Nothing tells it so."""
        node = self.nodes[edge]
        agent, page = node.agent.agent, node.page
        node.clocks.run_at(1.0)
        page.start, page.nonce = taken.start, taken.nonce
        agent.starts.identity = replace(agent.starts.identity, boot=taken.start)
        page.lease_deadline_ns = page.now_ns() + taken.left_ns

    # --- versions -------------------------------------------------------------------------------------------------------

    async def upload(self, public_id: str, body: bytes) -> None:
        self.bodies[public_id] = body
        await self.origin.upload(public_id, body)

    async def erase(self, *public_ids: str) -> Erased:
        erasure_id, seq = await self.origin.erase(*public_ids)
        now = self.origin.clocks.monotonic()
        made = [Erased(erasure_id, seq, self.bodies[public_id], committed_at=now) for public_id in public_ids]
        self.gone.update((public_id, self.bodies.pop(public_id)) for public_id in public_ids)
        self.erased += made
        return made[0]


_TEMPLATES: dict[tuple[str, ...], tempfile.TemporaryDirectory[str]] = {}
"""What an origin looks like after these uploads; a world begins with a copy."""


def path_of(public_id: str) -> str:
    return f"/{CLOUD}/image/upload/w_10/{public_id}.png"


def body_of(public_id: str) -> bytes:
    return f"<<bytes of {public_id}>>".encode()


@asynccontextmanager
async def world(
    loop: Loop, *, uploads: tuple[str, ...] = ("jane",), parents: Mapping[str, str] | None = None, edges: str = "a"
) -> AsyncIterator[World]:
    """`parents`: child -> parent. Nothing has a lease yet."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replay-")))
        known = _TEMPLATES.get(uploads)
        if known is not None:
            shutil.copytree(known.name, directory, dirs_exist_ok=True)
        origin = await stack.enter_async_context(running(PlayedOrigin(directory, Clocks(loop))))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        nodes: dict[str, PlayedNode] = {}
        for edge in sorted(edges, key=lambda edge: edge in (parents or {})):
            parent = (parents or {}).get(edge)
            answers = None if parent is None else nodes[parent].children
            nodes[edge] = PlayedNode(group, loop, directory / edge, origin.answers, parent=answers)
        made = World(loop, group, directory, origin, nodes)
        for public_id in uploads:
            made.bodies[public_id] = body_of(public_id)
            if known is None:
                await origin.upload(public_id, body_of(public_id))
        if known is None:
            _TEMPLATES[uploads] = tempfile.TemporaryDirectory(prefix="replay-")
            origin.copy_to(Path(_TEMPLATES[uploads].name))
        for node in nodes.values():
            node.line.holds |= HELD
            await node.start()
        try:
            yield made
        finally:
            for node in nodes.values():
                await node.crash()

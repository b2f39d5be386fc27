"""The seam's side for edges: what the wire asks of the storage core."""

from __future__ import annotations

from collections.abc import Mapping

from domicile.media.asset import Aid
from domicile.media.policy import Permit, Place
from domicile.media.signature import verify_delivery
from domicile.media.wire import (
    Ack,
    JournalAnswer,
    LeaseAnswer,
    LeaseRequest,
    ProbesAnswer,
    ProbesRequest,
    RenditionReport,
    ResolveAnswer,
    ResolveRequest,
)
from origin.records import probing
from origin.records.core import Core
from origin.records.edge_copies import EdgeCopies
from origin.records.edges import Edges
from origin.records.renditions import Renditions
from origin.records.types import FencedState, SealedBlob
from origin.resolve import resolve
from origin.store.opening import name_of


class WireSide:
    """Part of `Records`; see its head for what every method promises."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._edges = Edges(core)
        self._renditions = Renditions(core)
        self.edge_copies = EdgeCopies(core)

    async def resolve(self, request: ResolveRequest) -> ResolveAnswer:
        """Name -> aid and keys, in one snapshot. BadSignature | OutsideRegion | AssetNotFound (unknown cloud)."""
        return await resolve(self._core, verify_delivery, request)

    async def original_for(self, aid: Aid, place: Place, span: tuple[int, int | None] | None = None) -> SealedBlob:
        """As `read_original`, for a place: its permit is asked of the policy of whose aid it is. OutsideRegion."""
        return await self._edges.original_for(aid, place, span)

    async def read_original(self, aid: Aid, permit: Permit, span: tuple[int, int | None] | None = None) -> SealedBlob:
        """Sealed bytes [start, end) of an original. `permit`: Activity.TRANSFORM at the reader's place, or STORE here.

        AssetNotFound when the aid is not live; BadRequest when the range is outside the file.
        """
        return await self._edges.read_original(aid, permit, span)

    async def entries(self, cursors: Mapping[str, int], *, wait_seconds: float) -> JournalAnswer:
        """Entries after each tenant's cursor, in order; waits up to `wait_seconds` (at most 30) for the first one."""
        return await self._core.journal.entries(cursors, wait_seconds=wait_seconds)

    async def grant_lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Heads are read after the request arrived, in a transaction that also writes (decisions D.1)."""
        return await self._edges.grant_lease(request)

    async def ack(self, ack: Ack) -> None:
        """Raises BootSplit, Overloaded (`origin.boots`)."""
        self._core.leases.ack(ack)

    def take_seen(self, asked: ProbesRequest) -> None:
        """What an edge says that it has seen of what was erased."""
        probing.told(self._core, asked)

    async def probes_for(self, asked: ProbesRequest, *, wait_seconds: float) -> ProbesAnswer:
        """What an edge is to look for; waits up to `wait_seconds` for something."""
        return await probing.offered(self._core, asked, wait_seconds=wait_seconds)

    async def fenced(self, tenant: str, seq: int, *, wait_seconds: float = 0.0) -> FencedState:
        """How far an entry has come; waits up to `wait_seconds` (at most `ack_seconds_max`) for it to be fenced."""
        longest = min(wait_seconds, self._core.settings.ack_seconds_max)
        return await self._core.leases.wait(tenant, seq, wait_seconds=longest)

    def edges_of(self, tenant: str) -> frozenset[str]:
        """Nodes that may serve a cloud now, or may have copies of its assets on their disks."""
        return self._core.leases.nodes_of(tenant)

    @property
    def store(self) -> str:
        """Where originals lie."""
        return name_of(self._core.settings.s3)

    async def add_renditions(self, report: RenditionReport, *, region: str) -> int:
        """Remember what an edge in that region made; rows of aids that are no longer live are dropped. Returns how many were kept."""
        kept = await self._renditions.add(report)
        await self.edge_copies.reported(report, region=region)
        return kept

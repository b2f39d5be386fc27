"""Random lives of a few assets, and what the placement ledger says of them against what really lies where (invariant I20)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from domicile.media.asset import Aid, AssetId
from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.wire import CopyListing, Rendition, RenditionReport
from origin.records import Copy, PurgeTargets, Records, place_names
from tests.infra.records import CLOUD, crawled, name, upload

NAMES = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("upload"), NAMES, st.booleans()),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("destroy"), NAMES),
    st.tuples(st.just("restore"), NAMES),
    st.tuples(st.just("forget"), NAMES),
    st.tuples(st.just("erase"), NAMES),
    st.tuples(st.just("render"), NAMES),
    st.tuples(st.just("evict"), NAMES),
)
Step = tuple[Any, ...]


@dataclass
class Life:
    """`stored`: aids of all originals in the store, looked at without the store's own code."""

    records: Records
    stored: Callable[[], set[str]]
    number: int = 0
    node: str = "e" * 32
    asset_ids: set[str] = field(default_factory=set)
    at_edge: set[Aid] = field(default_factory=set)
    """Versions of which the edge has files."""
    seconds: float = 0.0

    def of(self, at: int) -> Any:
        return name(f"{self.number}/{at}")

    async def do(self, step: Step) -> None:
        records, at = self.records, self.of(step[1])
        self.tick()
        try:
            match step[0]:
                case "upload":
                    self.asset_ids.add((await upload(records, at, backup=step[2])).record.asset_id)
                case "rename":
                    await records.rename(at, self.of(step[2]).public_id)
                case "destroy":
                    await records.destroy(at)
                case "restore":
                    for backup in (await records.backups.of_name(at))[-1:]:
                        await records.backups.restore(backup)
                case "forget":
                    for backup in (await records.backups.of_name(at))[-1:]:
                        await records.backups.forget(CLOUD, backup.record.asset_id, [backup.record.aid])
                case "erase":
                    await records.erase(CLOUD, PurgeTargets(names=(at,)))
                case "render":
                    if (record := await records.get(at)) is not None:
                        self.at_edge.add(record.aid)
                        await self.report(record.aid)
                case _:
                    if (record := await records.get(at)) is not None:
                        self.at_edge.discard(record.aid)
        except (AssetNotFound, AssetExists):
            return

    def tick(self) -> None:
        """Time goes on, so that what is seen in a listing is seen after what was before it."""
        then = self.records._core.now() + 1
        object.__setattr__(self.records._core, "now", lambda: then)

    async def report(self, aid: Aid) -> None:
        made = Rendition(
            tenant=CLOUD, aid=aid, sequence=1, transformation="w_9", format="png", width=9, height=9, body_bytes=9
        )
        await self.records.add_renditions(RenditionReport(node=self.node, renditions=(made,)), region="eu-fr")

    async def list_files(self) -> None:
        """As an edge does: it has deleted by now what its fence forbids."""
        living = {row.version_id for row in await self.lines() if row.place == place_names.SEARCH}
        self.at_edge &= {aid for aid in living if aid is not None}
        for asked in ({"opens": True}, {"aids": tuple(self.at_edge)}, {"closes": True}):
            self.tick()
            listing = CopyListing(node=self.node, tenant=CLOUD, **asked)  # type: ignore[arg-type]
            await self.records.edge_copies.listed(listing, region="eu-fr")

    async def lines(self) -> list[Copy]:
        found = list[Copy]()
        for asset_id in sorted(self.asset_ids):
            try:
                found += await self.records.places.of_asset(CLOUD, asset_id, regions={})
            except AssetNotFound:
                continue
        return found

    async def check(self) -> None:
        """The ledger, the store, the edge and the crawler tell the same."""
        await self.list_files()
        lines = await self.lines()
        originals = [one for one in lines if one.place == place_names.STORE and one.what == "original"]
        assert {one.version_id for one in originals if one.state == "present"} == self.stored()
        assert all(one.until is not None and one.why for one in originals if one.state != "present")
        copies = [one for one in lines if one.place == place_names.EDGES and one.version_id is not None]
        assert {one.version_id for one in copies if one.until is None} == self.at_edge
        assert (await crawled(self.records)).total == 0

    async def end(self) -> None:
        """All of it is erased, also what is under retention and has no name any more; no row is left."""
        for asset_id in sorted(self.asset_ids):
            try:
                await self.records.erase(CLOUD, PurgeTargets(asset_ids=(AssetId(asset_id),)))
            except AssetNotFound:
                continue
        assert await self.lines() == []

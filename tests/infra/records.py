"""Records on a scratch directory, and shorthand for what tests upload."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from domicile.media.asset import AssetName
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.wire import EdgeSeen, LeaseRequest, ProbesRequest
from origin.catalogue.search_shape import EVERY
from origin.records import Committed, NewAsset, Records, RecordsSettings
from origin.records.crawl import Found
from tests.infra import postgres
from tests.infra.migrating import begin

CLOUD = "acme"


_on: postgres.Server | None = None
_urls: dict[Path, str] = {}


@contextmanager
def on(server: postgres.Server) -> Iterator[None]:
    """Until it ends, each directory's records have a database of that server."""
    global _on  # noqa: PLW0603 - one test at a time
    _on = server
    try:
        yield
    finally:
        _on = None
        for url in _urls.values():
            server.give_back(url)
        _urls.clear()


def settings(directory: Path, **changes: Any) -> RecordsSettings:
    if _on is not None:
        if directory not in _urls:
            _urls[directory] = _on.database()
        changes.setdefault("database_url", _urls[directory])
    elif not changes.get("database_url"):
        begin(directory / "data")
    return RecordsSettings(data=directory / "data", **changes)


def written(directory: Path) -> bytes:
    """All that the disk has of the catalogue, the originals and the policies."""
    files = [file for file in (directory / "data").rglob("*") if file.is_file()]
    if _on is not None:
        files += _on.files(_urls[directory])
    return b"".join(file.read_bytes() for file in files)


def count_rows(directory: Path, table: str) -> int:
    query = f"SELECT count(*) FROM {table}"
    if _on is not None:
        return int(_on.ask(_urls[directory], query)[0][0])
    with closing(sqlite3.connect(directory / "data" / "catalogue.db")) as database:
        return int(database.execute(query).fetchone()[0])


def keep(directory: Path, backup: str) -> None:
    """Make a backup of DATA and of the catalogue, while no records are open."""
    shutil.copytree(directory / "data", directory / backup)
    if _on is not None:
        _urls[directory / backup] = _on.copy(_urls[directory])


def restore(directory: Path, backup: str, *, originals: bool = True) -> None:
    """Put a backup back; or all of it but the originals, which are too large to be copied every night."""
    if not originals:
        shutil.rmtree(directory / backup / "originals")
        shutil.move(directory / "data" / "originals", directory / backup / "originals")
    shutil.rmtree(directory / "data")
    shutil.move(directory / backup, directory / "data")
    if _on is not None:
        _on.give_back(_urls[directory])
        _urls[directory] = _urls.pop(directory / backup)


def lose_catalogue(directory: Path) -> None:
    if _on is not None:
        _on.give_back(_urls.pop(directory))
    else:
        (directory / "data" / "catalogue.db").unlink()


def lose_index(directory: Path) -> None:
    """While no records are open: the search index has to be built anew, as it has at every start on SQLite."""
    if _on is not None:
        _on.ask(_urls[directory], "TRUNCATE " + ", ".join(table.name for table in EVERY))


@asynccontextmanager
async def opened(directory: Path, **changes: Any) -> AsyncIterator[Records]:
    """Records with the cloud "acme"."""
    async with Records.open(settings(directory, **changes)) as records:
        if records.tenant(CLOUD) is None:
            await records.create_tenant(CLOUD)
        yield records


async def looked(records: Records, edge: LeaseRequest) -> int:
    """As this edge that has nothing of what was erased. For how many erasures it has looked."""
    asked = ProbesRequest(node=edge.node, boot=edge.boot, region=edge.region, wait_seconds=0.0)
    probes = (await records.probes_for(asked, wait_seconds=0.0)).probes
    seen = [
        EdgeSeen(id=one.id, tenant=one.tenant, looked=len(one.aids), kept=0, asked=0, given=0, unjudged=0, unsure=0)
        for one in probes
    ]
    records.take_seen(msgspec.structs.replace(asked, seen=tuple(seen)))
    return len(probes)


def name(public_id: str, *, delivery_type: str = "upload", cloud: str = CLOUD) -> AssetName:
    return AssetName(cloud=cloud, resource_type="image", delivery_type=delivery_type, public_id=public_id)


def facts(body: bytes) -> SourceFacts:
    return SourceFacts(
        format="jpg",
        width=640,
        height=480,
        frames=1,
        has_alpha=False,
        orientation=1,
        body_bytes=len(body),
        md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
    )


async def crawled(records: Records) -> Found:
    """What a whole pass of the crawler finds."""
    standing = await records.crawler.step(anew=True)
    while standing.finished_at is None:
        standing = await records.crawler.step()
    return standing.found


async def upload(records: Records, target: AssetName, body: bytes = b"picture", **changes: Any) -> Committed:
    draft = await records.mint(target.cloud)
    await records.put_original(draft, body, records.permit(target.cloud, Activity.STORE))
    asset = NewAsset(name=target, facts=facts(body), **{"created_at": 1_700_000_000.0, **changes})
    return await records.commit_upload(draft, asset)

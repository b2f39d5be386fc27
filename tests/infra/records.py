"""Records on a scratch directory, and shorthand for what tests upload."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from domicile.media.asset import AssetName
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from origin.records import Committed, NewAsset, Records, RecordsSettings
from tests.infra import postgres

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
            server.drop(url)
        _urls.clear()


def settings(directory: Path, **changes: Any) -> RecordsSettings:
    if _on is not None:
        if directory not in _urls:
            _urls[directory] = _on.database()
        changes.setdefault("database_url", _urls[directory])
    return RecordsSettings(data=directory / "data", **changes)


@asynccontextmanager
async def opened(directory: Path, **changes: Any) -> AsyncIterator[Records]:
    """Records with the cloud "acme"."""
    async with Records.open(settings(directory, **changes)) as records:
        if records.tenant(CLOUD) is None:
            await records.create_tenant(CLOUD)
        yield records


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


async def upload(records: Records, target: AssetName, body: bytes = b"picture", **changes: Any) -> Committed:
    draft = await records.mint(target.cloud)
    await records.put_original(draft, body, records.permit(target.cloud, Activity.STORE))
    asset = NewAsset(name=target, facts=facts(body), **{"created_at": 1_700_000_000.0, **changes})
    return await records.commit_upload(draft, asset)

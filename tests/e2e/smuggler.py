"""Bytes put into a stopped installation's store past every check: sealed and named by the origin's own code."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

from domicile.media.asset import AssetName
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from origin.records import NewAsset, Records, RecordsSettings
from tests.e2e.stack import Stack

CLOUD = "demo"


def smuggle(stack: Stack, bodies: Mapping[str, bytes]) -> None:
    """Give each public_id of `bodies` its bytes, which nobody decodes. The facts are those of an honest picture."""
    assert stack.process is None, "the origin holds its records while it runs"
    asyncio.run(_smuggle(RecordsSettings(data=stack.data, region=stack.region), bodies))


async def _smuggle(settings: RecordsSettings, bodies: Mapping[str, bytes]) -> None:
    async with Records.open(settings) as records:
        for public_id, body in bodies.items():
            draft = await records.mint(CLOUD)
            await records.put_original(draft, body, records.permit(CLOUD, Activity.STORE))
            name = AssetName(cloud=CLOUD, resource_type="image", delivery_type="upload", public_id=public_id)
            await records.commit_upload(draft, NewAsset(name=name, facts=_facts(body), created_at=1_700_000_000.0))


def _facts(body: bytes) -> SourceFacts:
    return SourceFacts(
        format="png",
        width=64,
        height=48,
        frames=1,
        has_alpha=False,
        orientation=1,
        body_bytes=len(body),
        md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
    )

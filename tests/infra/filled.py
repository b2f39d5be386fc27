"""Records of many assets, filled row by row as uploads fill them, and much faster than by uploads."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence

from sqlalchemy import delete, insert, text

from domicile.media.keys import subkey
from domicile.media.policy import Activity
from domicile.media.sealed import SALT_BYTES, SealContext, seal
from origin.catalogue import tables as t
from origin.catalogue.search_shape import state as search_state
from origin.keyring import aid_id
from origin.records import Records
from origin.records.core import Core
from origin.records.sealing import seal_record
from origin.records.types import AssetRecord

WRITES_AT_ONCE = 32


async def fill(
    records: Records,
    made: Sequence[AssetRecord],
    chance: random.Random,
    body_of: Callable[[AssetRecord], bytes] | None = None,
) -> None:
    """Keys, names, versions and labels; `body_of`: and sealed originals. The next start builds the search index."""
    core = records._core
    keys = {aid_id(record.aid): chance.randbytes(32) for record in made}
    await asyncio.to_thread(core.keyring._tree.add, keys)
    names, versions, labels = [], [], []
    for record in made:
        cloud, name = record.name.cloud, core.hash_name(record.name)
        meta = seal_record(record, keys[aid_id(record.aid)], region=core.settings.region)
        same = {"tenant": cloud, "asset_id": record.asset_id}
        names.append({**same, "hash": name, "aid": record.aid})
        versions.append({**same, "aid": record.aid, "name_hash": name, "seq": 0, "meta": meta})
        labels += [{**same, "hash": label} for label in core.labels(record)]
    if body_of is not None:
        for start in range(0, len(made), WRITES_AT_ONCE):
            step = made[start : start + WRITES_AT_ONCE]
            await asyncio.gather(*(_put(core, record, keys[aid_id(record.aid)], body_of(record)) for record in step))
    async with core.database.write() as connection:
        for table, rows in ((t.name, names), (t.version, versions), (t.label, labels)):
            if rows:
                await connection.execute(insert(table), rows)


async def settle(records: Records) -> None:
    """After the last `fill`."""
    core = records._core
    async with core.database.write() as connection:
        if not core.database.is_sqlite:  # no change told the index of any: the next start builds it
            await connection.execute(delete(search_state))
        await connection.execute(text("ANALYZE"))


async def _put(core: Core, record: AssetRecord, data_key: bytes, body: bytes) -> None:
    cloud, aid = record.name.cloud, record.aid
    context = SealContext.original(tenant=cloud, aid=aid, region=core.settings.region)
    sealed = seal(subkey(data_key, "original"), context, header=b"", body=body, salt=os.urandom(SALT_BYTES))

    async def pieces() -> AsyncIterator[bytes]:
        yield sealed

    await core.blobs.put(cloud, aid, pieces(), core.permit(cloud, Activity.STORE))

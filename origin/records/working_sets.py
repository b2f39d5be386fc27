"""What an erasure keeps of what it has removed, to ask after it: versions, URLs, a sample of ciphertext (decisions E.2).

Written in the transaction that removes, sealed under a key of its own: names outlive their versions here, and nowhere else. The
key goes before the receipt is written, the rows with it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.probe import AIDS_MAX, ASSETS_MAX, KnownUrl
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, open_sealed, seal
from origin.catalogue.port import AssetRow
from origin.catalogue.probe_tables import erasure_work as table
from origin.journal import Change
from origin.keyring import purpose_id
from origin.records import known_urls, under_retention
from origin.records.core import Core
from origin.records.probes import SAMPLE_MAX, Asset, Key, Sample, WorkingSet
from origin.records.targets import Chosen

PLACE_BYTES = 16
TARGETS_CHARACTERS_MAX = 1024 * 1024
"""Of all URLs of one erasure: two of these, and what goes with them, fit into an answer to an edge."""
_VARIANT = "erasure-work"


@asynccontextmanager
async def key_for(core: Core, tenant: str) -> AsyncIterator[Key | None]:
    """Of a call that may remove something; None where nobody could be asked. One that a crash leaves unused has sealed nothing."""
    if not core.probes.hosts and not core.leases.nodes_of(tenant):
        yield None
        return
    key = core.probes.take_spare()
    if key is None:
        place = secrets.token_hex(PLACE_BYTES)
        key = Key(place, await core.keyring.create(_key_id(place)))
    try:
        yield key
    finally:
        if not key.is_used and not core.probes.keep_spare(key):  # two calls at a time, and neither had a use for one
            core.shield.spawn(_forgotten(core, key))


async def _forgotten(core: Core, key: Key) -> None:
    with suppress(Exception):  # a disk: it has sealed nothing
        await core.keyring.puncture([_key_id(key.place)])


async def capture(core: Core, change: Change, chosen: Chosen, key: Key | None) -> WorkingSet:
    """Before it is removed. Nothing without a key."""
    if key is None:
        return WorkingSet()
    connection, tenant = change.connection, change.tenant
    ids = [row.asset_id for row in chosen.assets[:ASSETS_MAX]]
    rows = list(await core.catalogue.by_asset_id(connection, tenant, ids, hidden=True))
    older = [row.aid for row in chosen.kept[: ASSETS_MAX - len(rows)]]  # their own URLs name their version
    rows += [kept.row for kept in await under_retention.several(connection, tenant, older)]
    records = {row.aid: record for row in rows if (record := core.open(row)) is not None}
    known = await known_urls.of_assets(core, connection, tenant, records)
    assets, left = list[Asset](), TARGETS_CHARACTERS_MAX
    for row in rows:
        urls = known.get(row.aid, ())
        left -= sum(len(url.target) for url in urls)
        if left < 0:
            break
        assets.append(Asset(name=row.name, urls=urls))
    return WorkingSet(
        aids=tuple(row.aid for row in chosen.versions[:AIDS_MAX]),
        assets=tuple(assets),
        samples=tuple(
            Sample(aid=row.aid, asset_id=row.asset_id, name=row.name, meta=row.meta) for row in rows[:SAMPLE_MAX]
        ),
    )


async def keep(core: Core, change: Change, erasure: str, key: Key | None, work: WorkingSet) -> None:
    """With the entries of the change."""
    if key is None or not work.aids:
        return
    key.is_used = True
    body = msgspec.msgpack.encode(work)
    sealed = seal(key.value, _context(core, change.tenant), header=b"", body=body, salt=os.urandom(SALT_BYTES))
    values = {"tenant": change.tenant, "erasure": erasure, "seq": change.seq, "place": key.place, "sealed": sealed}
    await change.connection.execute(insert(table).values(values))


async def read(core: Core, connection: AsyncConnection, tenant: str, erasure: str) -> WorkingSet | None:
    """None: there is none, or its key has gone."""
    mine = (table.c.tenant == tenant, table.c.erasure == erasure)
    whole: WorkingSet | None = None
    for row in await connection.execute(select(table).where(*mine).order_by(table.c.seq)):
        value = core.keyring.get(_key_id(row.place))
        if value is None:
            continue
        try:
            _, body = open_sealed(value, _context(core, tenant), row.sealed)
        except SealBroken:
            continue
        part = msgspec.msgpack.decode(body, type=WorkingSet)
        whole = part if whole is None else whole.plus(part)
    return whole


async def drop(core: Core, tenant: str, erasure: str) -> None:
    """Its keys, and then its rows. Raises what the keyring or the catalogue does: it is tried again."""
    mine = (table.c.tenant == tenant, table.c.erasure == erasure)
    async with core.database.read() as connection:
        places = (await connection.scalars(select(table.c.place).where(*mine))).all()
    if places:
        await core.keyring.puncture(_key_id(place) for place in places)
        async with core.database.write() as connection:
            await connection.execute(delete(table).where(*mine))


async def as_of_now(core: Core, connection: AsyncConnection, tenant: str, work: WorkingSet) -> tuple[KnownUrl, ...]:
    """What is asked for, with what has its name again."""
    names = [asset.name for asset in work.assets]
    taken = {row.name for row in await core.catalogue.named(connection, tenant, names, hidden=True)}
    return tuple(
        msgspec.structs.replace(url, is_taken=url.is_taken or asset.name in taken)
        for asset in work.assets
        for url in asset.urls
    )


def opens(core: Core, tenant: str, work: WorkingSet) -> int:
    """How many sealed records of the sample can still be opened, in the way in which everybody opens them."""
    rows = [
        AssetRow(tenant=tenant, name=one.name, asset_id=one.asset_id, aid=one.aid, meta=one.meta)
        for one in work.samples
    ]
    return sum(core.open(row) is not None for row in rows)


def _context(core: Core, tenant: str) -> SealContext:
    return SealContext(tenant=tenant, aids=(), variant=_VARIANT, region=core.settings.region)


def _key_id(place: str) -> bytes:
    return purpose_id("erasure", place)

"""Addresses under which the installation itself knows a picture that is about to go: what is asked for afterwards.

    original   as answers of the API name it, and as one writes it by hand
    made       what was made of it
    shown in   what was made of other pictures and shows it (a layer), and what holds its bytes (a sprite, an archive)

Read in the transaction that removes, before it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.facts import STRIP_REVISION
from domicile.media.outward_tags import TAGGED_SECONDS_MAX, dated_etag, months_held
from domicile.media.probe import (
    ASSETS_MAX,
    URLS_PER_ASSET_MAX,
    KnownUrl,
    is_automatic,
    is_named,
    stands_in,
)
from origin.catalogue.tables import lineage, rendition, rendition_layer
from origin.delivery_url import SIGNED_TYPES, delivery_url
from origin.records.core import Core
from origin.records.renditions import Renditions
from origin.records.types import AssetRecord, RenditionRecord

SHOWN_IN_MIN = 2
"""Of the addresses of one asset, for what shows it, if anything does."""
ROWS_MAX = ASSETS_MAX * URLS_PER_ASSET_MAX
"""Of each kind that are looked at for one erasure."""

_Known = dict[Aid, list[KnownUrl]]


async def of_assets(
    core: Core, connection: AsyncConnection, tenant: str, records: Mapping[Aid, AssetRecord]
) -> dict[Aid, tuple[KnownUrl, ...]]:
    """Of each at most URLS_PER_ASSET_MAX, the originals first."""
    made = await _made_of(core, connection, tenant, list(records))
    shown = await _laid_over(core, connection, tenant, records)
    for aid, urls in (await _held_by(core, connection, tenant, list(records))).items():
        shown.setdefault(aid, []).extend(urls)
    return {aid: tuple(_chosen(core, record, made.get(aid, ()), shown.get(aid, ()))) for aid, record in records.items()}


def _chosen(
    core: Core, record: AssetRecord, made: Sequence[RenditionRecord], shown: Sequence[KnownUrl]
) -> Iterator[KnownUrl]:
    originals = list(_originals(core, record))
    yield from originals
    own = {url.target: url for one in made for url in (_made(core, record, one),)}
    room = URLS_PER_ASSET_MAX - len(originals)
    first = list(islice(own.values(), max(room - len(shown), room - SHOWN_IN_MIN)))
    yield from first
    yield from shown[: room - len(first)]


def _originals(core: Core, record: AssetRecord, *, is_taken: bool = False) -> Iterator[KnownUrl]:
    etags = _etags(core, record)
    extension = "" if record.name.resource_type == "raw" else record.facts.format
    versioned = _target(core, record, extension=extension)
    for target in (versioned, versioned.replace(f"/v{record.version}/", "/", 1)):
        is_exact = target is versioned
        yield KnownUrl(target=target, md5=record.facts.md5, etags=etags, is_exact=is_exact, is_taken=is_taken)


def _made(core: Core, record: AssetRecord, made: RenditionRecord, laid: AssetRecord | None = None) -> KnownUrl:
    """`laid`: what is asked after, over the other one."""
    is_automatic_one, is_named_one = is_automatic(made.transformation), is_named(made.transformation)
    extension = "" if is_automatic_one else made.format  # which one came is of Accept, and in no URL that a viewer has
    return KnownUrl(
        target=_target(core, record, extension=extension, transformation=made.transformation, laid=laid),
        is_negotiated=is_automatic_one or is_named_one,
        is_taken=laid is not None and is_named_one,  # its owner may have another one laid over it by now
    )


def _target(
    core: Core, record: AssetRecord, *, extension: str, transformation: str = "", laid: AssetRecord | None = None
) -> str:
    shown = [one.name for one in (record, laid) if one is not None]
    tenant = core.tenants.standing(record.name.cloud).tenant
    return delivery_url(
        "",
        record.name,
        version=record.version,
        extension=extension,
        api_secret=next(iter(tenant.delivery_secrets([name.public_id for name in shown])), ""),
        transformation=transformation,
        shows_restricted=any(name.delivery_type in SIGNED_TYPES for name in shown),
    )


def _etags(core: Core, record: AssetRecord) -> tuple[str, ...]:
    """As an edge gave them to viewers, and to CDNs."""
    plain = (f'"{record.facts.md5}"', f'"{record.facts.md5}-s{STRIP_REVISION}"')
    months = months_held(core.now(), seconds_max=TAGGED_SECONDS_MAX)
    return (*plain, *(dated_etag(etag, month) for etag in plain for month in months))


async def _made_of(
    core: Core, connection: AsyncConnection, tenant: str, aids: Sequence[Aid]
) -> dict[Aid, list[RenditionRecord]]:
    """What was made of each. What has a default image is left out: that one comes in its place."""
    mine = (rendition.c.tenant == tenant, rendition.c.aid.in_(aids))
    rows = (await connection.execute(select(rendition).where(*mine).limit(ROWS_MAX))).all()
    made: dict[Aid, list[RenditionRecord]] = {}
    for row, record in await Renditions(core).opened(connection, rows):
        if not stands_in(record.transformation):
            made.setdefault(Aid(row.aid), []).append(record)
    return made


async def _laid_over(
    core: Core, connection: AsyncConnection, tenant: str, records: Mapping[Aid, AssetRecord]
) -> _Known:
    """What was made of other pictures and shows one of these."""
    laid = rendition_layer.c
    same = and_(laid.rendition_aid == rendition.c.aid, laid.hash == rendition.c.hash)
    mine = (rendition.c.tenant == tenant, laid.aid.in_(list(records)), rendition.c.aid.not_in(list(records)))
    query = select(rendition, laid.aid.label("shown")).join(rendition_layer, same).where(*mine).limit(ROWS_MAX)
    rows = (await connection.execute(query)).all()
    bases = await _opened(core, connection, tenant, {Aid(row.aid) for row in rows})
    found: _Known = {}
    for row, made in await Renditions(core).opened(connection, rows):
        base = bases.get(Aid(row.aid))
        if base is not None and not stands_in(made.transformation):
            url = _made(core, base, made, laid=records[Aid(row.shown)])
            if url not in found.setdefault(Aid(row.shown), []):
                found[Aid(row.shown)].append(url)
    return found


async def _held_by(core: Core, connection: AsyncConnection, tenant: str, aids: Sequence[Aid]) -> _Known:
    """What holds bytes of one of these. Its name may be used anew at any time, for one that does not."""
    mine = (lineage.c.tenant == tenant, lineage.c.source.in_(aids), lineage.c.aid.not_in(aids))
    rows = (await connection.execute(select(lineage).where(*mine).limit(ROWS_MAX))).all()
    holders = await _opened(core, connection, tenant, {Aid(row.aid) for row in rows})
    found: _Known = {}
    for row in rows:
        if holder := holders.get(Aid(row.aid)):
            found.setdefault(Aid(row.source), []).append(next(_originals(core, holder, is_taken=True)))
    return found


async def _opened(core: Core, connection: AsyncConnection, tenant: str, aids: set[Aid]) -> dict[Aid, AssetRecord]:
    rows = await core.catalogue.by_aid(connection, tenant, aids, hidden=True) if aids else []
    return {row.aid: record for row in rows if (record := core.open(row)) is not None}

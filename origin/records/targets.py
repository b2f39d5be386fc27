"""What a purge or an erase selects, resolved inside the append transaction, always inside one tenant (decisions H)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES, AssetName, NameHash
from domicile.media.errors import BadRequest, MediaError, OutOfScope
from domicile.media.url import SEO_FORMS, SHORT_FORM, parse
from origin.catalogue.port import AssetRow
from origin.records import backups
from origin.records.backups import Kept
from origin.records.core import Core
from origin.records.prefixes import folders_under
from origin.records.purge_types import PurgeTargets
from origin.records.tasks import asset_hash

TARGETS_MAX = 100
"""Targets in one call."""


def check_targets(targets: PurgeTargets) -> None:
    """Raises BadRequest."""
    if not 0 < targets.count <= TARGETS_MAX:
        raise BadRequest(f"1 to {TARGETS_MAX} targets in one call")


async def select(
    core: Core, connection: AsyncConnection, tenant: str, targets: PurgeTargets, *, limit: int
) -> list[AssetRow]:
    """At most `limit` matching assets; `everything` matches all. Raises OutOfScope for another tenant's target."""
    catalogue = core.catalogue
    if targets.everything:
        return await catalogue.some(connection, tenant, limit)
    rows = {row.aid: row for row in await _named(core, connection, tenant, targets)}
    labels = _labels(core, tenant, targets)
    rows.update((row.aid, row) for row in await catalogue.labelled(connection, tenant, labels, limit))
    return list(rows.values())[:limit]


async def select_backups(
    core: Core,
    connection: AsyncConnection,
    tenant: str,
    targets: PurgeTargets,
    assets: Iterable[AssetRow],
    *,
    limit: int,
) -> list[Kept]:
    """At most `limit` versions under retention that the targets mean: those of `assets`, which they select, and those whose
    asset is no more. URLs: see `settled`.
    """
    if targets.everything:
        return await backups.some(connection, tenant, limit=limit)
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    hashes = [core.hash_name(name) for name in names]
    for url in targets.urls:
        hashes += await _hashes_behind_url(core, connection, tenant, url)
    return await backups.selected(
        connection,
        tenant,
        asset_ids=[*(asset.asset_id for asset in assets), *targets.asset_ids],
        names=hashes,
        carrying=_labels(core, tenant, targets),
        limit=limit,
    )


def told_by(core: Core, tenant: str, targets: PurgeTargets) -> set[NameHash] | None:
    """Keyed hashes by which notices of deletes are found that tell of what the targets mean; None: all are meant."""
    if targets.everything:
        return None
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    names += [name for url in targets.urls for name in names_of_url(tenant, url)]
    assets = (asset_hash(core, tenant, asset_id) for asset_id in targets.asset_ids)
    return {*map(core.hash_name, names), *assets, *_labels(core, tenant, targets)}


async def settled(core: Core, connection: AsyncConnection, tenant: str, targets: PurgeTargets) -> PurgeTargets:
    """The same with names instead of URLs: what each means now."""
    if not targets.urls:
        return targets
    meant: list[AssetName] = []
    for url in targets.urls:
        hashes = set(await _hashes_behind_url(core, connection, tenant, url))
        meant += [name for name in names_of_url(tenant, url) if core.hash_name(name) in hashes]
    return replace(targets, urls=(), names=(*targets.names, *meant))


async def _hashes_behind_url(core: Core, connection: AsyncConnection, tenant: str, url: str) -> list[NameHash]:
    """Of the name that a URL means: the first candidate that exists, or else the first one that did."""
    row = await _behind_url(core, connection, tenant, url)
    if row is not None:
        return [row.name]
    hashes = [core.hash_name(name) for name in names_of_url(tenant, url)]
    kept = {one.row.name for one in await backups.of_assets(connection, tenant, (), hashes, limit=TARGETS_MAX)}
    return [name for name in hashes if name in kept][:1]


async def count(core: Core, connection: AsyncConnection, tenant: str, targets: PurgeTargets) -> int:
    """How many assets `select` would find without a limit."""
    if targets.everything:
        return await core.catalogue.count(connection, tenant)
    aids = [row.aid for row in await _named(core, connection, tenant, targets)]
    return await core.catalogue.count(connection, tenant, aids=aids, labels=_labels(core, tenant, targets))


async def _named(core: Core, connection: AsyncConnection, tenant: str, targets: PurgeTargets) -> list[AssetRow]:
    """What is meant one by one: a few rows for each target."""
    catalogue = core.catalogue
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    if any(name.cloud != tenant for name in names):
        raise OutOfScope("a target lies outside this cloud")
    found = [await _behind_url(core, connection, tenant, url) for url in targets.urls]
    hashes = dict.fromkeys(core.hash_name(name) for name in names)
    return [
        *(row for row in found if row is not None),
        *await catalogue.by_asset_id(connection, tenant, targets.asset_ids),
        *await catalogue.named(connection, tenant, hashes),
    ]


async def _behind_url(core: Core, connection: AsyncConnection, tenant: str, url: str) -> AssetRow | None:
    """What `resolve` would find: the first candidate that exists, and no other."""
    names = [core.hash_name(name) for name in names_of_url(tenant, url)]
    rows = {row.name: row for row in await core.catalogue.named(connection, tenant, dict.fromkeys(names))}
    return next((rows[name] for name in names if name in rows), None)


def names_of_url(tenant: str, url: str) -> list[AssetName]:
    """The assets that a delivery path of this cloud may mean, the most likely first; with or without the cloud in it.

    Raises OutOfScope for a path of another cloud, BadRequest for a text that is no delivery path.
    """
    path = url.partition("?")[0]
    head = path.split("/")[1] if path.startswith("/") else ""
    if head != tenant:
        if head not in {*RESOURCE_TYPES, *SEO_FORMS, SHORT_FORM}:
            raise OutOfScope("a url lies outside this cloud")
        path = f"/{tenant}{path}"
    try:
        parsed = parse(path)
    except MediaError as bad:
        raise BadRequest("a url target is the path of a delivery URL") from bad
    return [
        AssetName(
            cloud=parsed.cloud,
            resource_type=parsed.resource_type,
            delivery_type=parsed.delivery_type,
            public_id=candidate.public_id,
        )
        for candidate in parsed.candidates
    ]


def _labels(core: Core, tenant: str, targets: PurgeTargets) -> list[NameHash]:
    folders = [folder for prefix in targets.prefixes for folder in folders_under(tenant, prefix)]
    tags = [core.hash_of(tenant, "tag", tag) for tag in targets.tags]
    return tags + [core.hash_of(tenant, "folder", folder) for folder in folders]


def _every_type(cloud: str, public_ids: Iterable[str]) -> Iterable[AssetName]:
    for public_id in public_ids:
        for resource_type in sorted(RESOURCE_TYPES):
            for delivery_type in sorted(DELIVERY_TYPES):
                yield AssetName(
                    cloud=cloud, resource_type=resource_type, delivery_type=delivery_type, public_id=public_id
                )

"""What a purge or an erase selects, resolved inside the append transaction, always inside one tenant (decisions H)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES, AssetName, NameHash
from domicile.media.errors import BadRequest, LimitExceeded, MediaError, OutOfScope
from domicile.media.url import SEO_FORMS, SHORT_FORM, parse
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records import under_retention
from origin.records.core import Core
from origin.records.prefixes import folders_under
from origin.records.purge_types import PurgeTargets, Versions
from origin.records.searches import condition_of
from origin.records.tasks import asset_hash
from origin.search.conditions import Every
from origin.search.query import Query

TARGETS_MAX = 100
"""Targets in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """All versions that an erase takes, bare."""

    assets: tuple[AssetRow, ...]
    """Those that are there now."""
    kept: tuple[AssetRow, ...]
    """Those under retention."""

    @property
    def versions(self) -> tuple[AssetRow, ...]:
        return (*self.assets, *self.kept)


def check_targets(core: Core, tenant: str, targets: PurgeTargets) -> None:
    """Raises BadRequest, LimitExceeded; AssetNotFound for an unknown cloud."""
    if not 0 < targets.count <= TARGETS_MAX:
        raise BadRequest(f"1 to {TARGETS_MAX} targets in one call")
    for expression in targets.searches:
        if condition_of(core, tenant, expression) == Every():
            raise BadRequest("a search that names nothing would mean everything")


async def select(
    core: Core,
    connection: AsyncConnection,
    tenant: str,
    targets: PurgeTargets,
    *,
    limit: int,
    change: Change | None = None,
) -> list[AssetRow]:
    """At most `limit` matching assets, bare, restricted ones too; `everything` matches all. Raises OutOfScope for another
    tenant's target.

    `change`: as that transaction sees them. A search is answered by the index, which has every commit before that one, as
    commits of a tenant and what follows on them are one after the other (`origin.journal`); it does not know restricted ones.
    """
    catalogue = core.catalogue
    if targets.everything:
        return await catalogue.some(connection, tenant, limit, bare=True)
    rows = {row.aid: row for row in await _named(core, connection, tenant, targets)}
    labels = _labels(core, tenant, targets)
    rows.update((row.aid, row) for row in await catalogue.labelled(connection, tenant, labels, limit, bare=True))
    for expression in targets.searches:
        query = Query(tenant=tenant, condition=condition_of(core, tenant, expression), limit=limit)
        ids = [hit.asset_id for hit in await core.search.find(query, change)]
        rows.update((row.aid, row) for row in await catalogue.by_asset_id(connection, tenant, ids, bare=True))
    return list(rows.values())[:limit]


async def choose(
    core: Core,
    connection: AsyncConnection,
    tenant: str,
    targets: PurgeTargets,
    *,
    versions: Versions,
    limit: int,
    change: Change | None = None,
) -> Chosen:
    """What an erase takes: all of it, in one snapshot or under the lock of the journal's head, or nothing.

    Raises LimitExceeded for more than `limit` versions.
    """
    assets = await select(core, connection, tenant, targets, limit=limit + 1, change=change)
    kept: list[AssetRow] = []
    if versions is Versions.ALL:
        kept = await _select_backups(core, connection, tenant, targets, assets, limit=limit + 1)
    if len(assets) + len(kept) > limit:
        raise LimitExceeded(f"The selector matches too many versions: one call erases {limit} at most")
    return Chosen(assets=tuple(assets), kept=tuple(kept))


async def _select_backups(
    core: Core,
    connection: AsyncConnection,
    tenant: str,
    targets: PurgeTargets,
    assets: Iterable[AssetRow],
    *,
    limit: int,
) -> list[AssetRow]:
    """At most `limit` versions under retention that the targets mean: those of `assets`, which they select, and those by what
    their asset was called and carried. A search is not asked of them: it finds what is there.
    """
    if targets.everything:
        return await under_retention.some(connection, tenant, limit=limit)
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    hashes = [core.hash_name(name) for name in names]
    for url in targets.urls:
        hashes += await _hashes_behind_url(core, connection, tenant, url)
    return await under_retention.selected(
        connection,
        tenant,
        asset_ids=[*(asset.asset_id for asset in assets), *targets.asset_ids],
        names=hashes,
        carrying=_labels(core, tenant, targets),
        limit=limit,
    )


def told_by(core: Core, tenant: str, targets: PurgeTargets, chosen: Chosen) -> set[NameHash] | None:
    """Keyed hashes by which notices of deletes are found that tell of what the targets mean; None: all are meant."""
    if targets.everything:
        return None
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    names += [name for url in targets.urls for name in names_of_url(tenant, url)]
    ids = [*targets.asset_ids, *(row.asset_id for row in chosen.kept)]
    assets = (asset_hash(core, tenant, asset_id) for asset_id in ids)
    return {*map(core.hash_name, names), *assets, *_labels(core, tenant, targets)}


async def _hashes_behind_url(core: Core, connection: AsyncConnection, tenant: str, url: str) -> list[NameHash]:
    """Of the name that a URL means: the first candidate that exists, or else the first one that did."""
    row = await _behind_url(core, connection, tenant, url)
    if row is not None:
        return [row.name]
    hashes = [core.hash_name(name) for name in names_of_url(tenant, url)]
    kept = await under_retention.names_kept(connection, tenant, hashes)
    return [name for name in hashes if name in kept][:1]


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
        *await catalogue.by_asset_id(connection, tenant, targets.asset_ids, hidden=True, bare=True),
        *await catalogue.named(connection, tenant, hashes, hidden=True),
    ]


async def _behind_url(core: Core, connection: AsyncConnection, tenant: str, url: str) -> AssetRow | None:
    """What `resolve` would find: the first candidate that exists, and no other."""
    names = [core.hash_name(name) for name in names_of_url(tenant, url)]
    found = await core.catalogue.named(connection, tenant, dict.fromkeys(names), hidden=True)
    rows = {row.name: row for row in found}
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
    subjects = [core.hash_of(tenant, "subject", subject) for subject in targets.subjects]
    return tags + subjects + [core.hash_of(tenant, "folder", folder) for folder in folders]


def _every_type(cloud: str, public_ids: Iterable[str]) -> Iterable[AssetName]:
    for public_id in public_ids:
        for resource_type in sorted(RESOURCE_TYPES):
            for delivery_type in sorted(DELIVERY_TYPES):
                yield AssetName(
                    cloud=cloud, resource_type=resource_type, delivery_type=delivery_type, public_id=public_id
                )

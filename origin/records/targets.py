"""What a purge or an erase selects, resolved inside the append transaction, always inside one tenant (decisions H)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES, AssetName, NameHash
from domicile.media.errors import BadRequest, MediaError, OutOfScope
from domicile.media.url import SEO_FORMS, SHORT_FORM, parse
from origin.catalogue.port import AssetRow
from origin.records.core import Core
from origin.records.types import PurgeTargets

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
    rows: dict[str, AssetRow] = {}
    for url in targets.urls:
        found = await _behind_url(core, connection, tenant, url)
        rows.update({found.aid: found} if found else {})
    names = [*targets.names, *_every_type(tenant, targets.public_ids)]
    if any(name.cloud != tenant for name in names):
        raise OutOfScope("a target lies outside this cloud")
    hashes = dict.fromkeys(core.hash_name(name) for name in names)
    rows.update((row.aid, row) for row in await catalogue.by_asset_id(connection, tenant, targets.asset_ids))
    rows.update((row.aid, row) for row in await catalogue.named(connection, tenant, hashes))
    labels = _labels(core, tenant, targets)
    rows.update((row.aid, row) for row in await catalogue.labelled(connection, tenant, labels, limit))
    return list(rows.values())[:limit]


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


def relative(tenant: str, path: str) -> str:
    """A path without its cloud, beginning with a slash: "/acme/image/x" and "/image/x" are the same to acme.

    Raises OutOfScope when it begins with anything but this cloud or a resource type, BadRequest when not canonical.
    """
    parts = path.split("/")
    if not path.startswith("/") or any(part in {".", ".."} for part in parts) or "" in parts[1:-1]:
        raise BadRequest("a prefix is a canonical path or folder")
    head = parts[1]
    if head in RESOURCE_TYPES or head == "":
        return path
    if head != tenant:
        raise OutOfScope("a prefix lies outside this cloud")
    return "/" + "/".join(parts[2:])


def folders_under(tenant: str, prefix: str) -> list[str]:
    """The folder texts (see `media.asset.folders_of`) that a prefix means; each is matched whole, never as a text.

    >>> folders_under("acme", "/acme/image/upload/people")
    ['image/upload/people/']
    """
    if not prefix.startswith("/"):
        _check_folder(prefix)
        folder = prefix.strip("/")
        return [f"{rt}/{dt}/{folder}/" for rt in sorted(RESOURCE_TYPES) for dt in sorted(DELIVERY_TYPES)]
    parts = [part for part in relative(tenant, prefix).split("/") if part]
    resource_types = parts[:1] or sorted(RESOURCE_TYPES)
    delivery_types = parts[1:2] or sorted(DELIVERY_TYPES)
    if not set(resource_types) <= RESOURCE_TYPES or not set(delivery_types) <= DELIVERY_TYPES:
        raise BadRequest("a prefix goes /<resource type>/<delivery type>/<folder>")
    folder = "".join(part + "/" for part in parts[2:])
    return [f"{rt}/{dt}/{folder}" for rt in resource_types for dt in delivery_types]


def _check_folder(prefix: str) -> None:
    parts = prefix.rstrip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise BadRequest("a prefix is a canonical folder")

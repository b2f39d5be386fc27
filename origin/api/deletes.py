"""Deleting through the Admin API: assets, or their renditions alone.

Assets by `public_ids[]`, by `prefix`, by tag, by asset ids, or `all=true`. With `keep_original=true` or `transformations`
only renditions go: all of them, or those of these transformations. Keys, bytes and cached copies go before the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from domicile.media.asset import IMAGE_EXTENSIONS, Aid, AssetName, NameHash
from domicile.media.errors import BadRequest
from origin.api.admin import call_of
from origin.api.answers import Json, deleted, progress
from origin.api.call import admin, count_fence, delivery_type_of, name_of, reply, resource_type_of, told_by
from origin.api.manage import says_deleted
from origin.api.params import Params
from origin.api.routes import CLOUD, RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import DerivedAsked, DerivedId, DerivedRemoved, Filter, RemovedMany, Tenant

MORE = "more"
"""`next_cursor` of a delete that is not finished: call again with the same selector."""
PAGE_ASSETS = 500
"""Assets whose renditions one call deletes by a filter."""
_DERIVED_ID = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """The assets that a call selects."""

    names: tuple[AssetName, ...] = ()
    asset_ids: tuple[str, ...] = ()
    where: Filter | None = None


async def delete_resources(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    resource_type, delivery_type = resource_type_of(path), delivery_type_of(path["type"])
    names = [name_of(tenant, resource_type, delivery_type, text) for text in params.texts("public_ids")]
    if names:
        return await _delete(request, origin, tenant, params, _Meant(names=tuple(names)))
    prefix = params.text("prefix")
    if not prefix and not params.flag("all", default=False):
        raise BadRequest("Missing required parameter - public_ids, prefix or all")
    where = Filter(resource_type=resource_type, delivery_type=delivery_type, prefix=prefix or None)
    return await _delete(request, origin, tenant, params, _Meant(where=where))


async def delete_by_tag(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    where = Filter(resource_type=resource_type_of(path), tag=path["tag"])
    return await _delete(request, origin, tenant, params, _Meant(where=where))


async def delete_by_asset_ids(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Those of the path or of `asset_ids[]`."""
    origin, tenant, params = await admin(request, path)
    asset_ids = (path["asset_id"],) if "asset_id" in path else params.texts("asset_ids")
    if not asset_ids:
        raise BadRequest("Missing required parameter - asset_ids")
    return await _delete(request, origin, tenant, params, _Meant(asset_ids=asset_ids))


async def delete_derived(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """By `derived_resource_ids[]`: the `id` that look-ups tell of each rendition."""
    origin, tenant, params = await admin(request, path)
    asked = tuple(dict.fromkeys(params.texts("derived_resource_ids", split=True)))
    if not asked:
        raise BadRequest("Missing required parameter - derived_resource_ids")
    ids = {text: found for text in asked if (found := _derived_id(text)) is not None}
    done = await origin.records.derived.delete_ids(tenant.cloud, ids.values())
    told = {text: "deleted" if ids.get(text) in done.ids else "not_found" for text in asked}
    return reply({"deleted": told, "partial": False, **_progress(origin, done)})


def _derived_id(text: str) -> DerivedId | None:
    match = _DERIVED_ID.fullmatch(text)
    return None if match is None else (Aid(match[1]), NameHash(match[2]))


async def _delete(request: web.Request, origin: Origin, tenant: Tenant, params: Params, meant: _Meant) -> web.Response:
    who = told_by(await call_of(origin, tenant, params), request)
    if params.flag("keep_original", default=False) or "transformations" in params:
        return await _delete_renditions(origin, tenant, params, meant)
    many = await origin.records.destroy_many(
        tenant.cloud,
        names=meant.names,
        asset_ids=meant.asset_ids,
        where=meant.where,
        says=says_deleted(who, "delete"),
    )
    for removed in many.removed:
        count_fence(origin, removed.fenced)
    if many.removed:
        origin.pool.retire(tenant.cloud)
    return reply(_deleted(many, meant))


def _deleted(many: RemovedMany, meant: _Meant) -> Json:
    return deleted(many, asked_by_id=meant.asset_ids) | ({"next_cursor": MORE} if many.more else {})


async def _delete_renditions(origin: Origin, tenant: Tenant, params: Params, meant: _Meant) -> web.Response:
    """Of what a filter matches in pages, as deleting renditions does not take an asset out of it."""
    ids, cursor, by_id = meant.asset_ids, None, bool(meant.asset_ids)
    if meant.where is not None:
        found = await origin.records.list(
            tenant.cloud, meant.where, max_results=PAGE_ASSETS, cursor=params.text("next_cursor") or None
        )
        ids, cursor = tuple(record.asset_id for record in found.records), found.next_cursor
    transformations = _transformations(params.texts("transformations"))
    asked = DerivedAsked(names=meant.names, asset_ids=ids, transformations=transformations)
    done = await origin.records.derived.delete(tenant.cloud, asked)
    counts = {str(one.asset_id) if by_id else one.name.public_id: count for one, count in done.counts}
    missing = set(ids) - counts.keys() if by_id else {name.public_id for name in done.missing}
    answer: Json = {
        "deleted": {**dict.fromkeys(counts, "deleted"), **dict.fromkeys(sorted(missing), "not_found")},
        "deleted_counts": {key: {"original": 0, "derived": count} for key, count in counts.items()},
        "partial": cursor is not None,
        **({"next_cursor": cursor} if cursor is not None else {}),
    }
    return reply(answer | _progress(origin, done))


def _progress(origin: Origin, done: DerivedRemoved) -> Json:
    if done.head is None or done.fenced is None:
        return {}
    count_fence(origin, done.fenced)
    return {"domicile": progress(done.head, done.fenced)}


def _transformations(texts: Sequence[str]) -> tuple[tuple[str, str | None], ...] | None:
    """Joined with `|`, as SDKs write `eager`; after the last slash may be a format.

    >>> _transformations(["c_scale,w_100|e_blur/jpg"])
    (('c_scale,w_100', None), ('e_blur', 'jpg'))
    """
    if not texts:
        return None
    return tuple(dict.fromkeys(_transformation(part) for text in texts for part in text.split("|") if part))


def _transformation(text: str) -> tuple[str, str | None]:
    head, slash, last = text.rpartition("/")
    if slash and (not last or last.lower() in IMAGE_EXTENSIONS):
        return head, IMAGE_EXTENSIONS.get(last.lower())
    return text, None


ROUTES: tuple[Route, ...] = (
    Route("delete_by_tag", "DELETE", RESOURCES + "/{resource_type}/tags/{tag*}", delete_by_tag, TYPES),
    Route("delete_resources", "DELETE", RESOURCES + "/{resource_type}/{type}", delete_resources, TYPES),
    Route("delete_by_asset_ids", "DELETE", RESOURCES + "/{asset_id}", delete_by_asset_ids),
    Route("delete_by_asset_ids", "DELETE", RESOURCES, delete_by_asset_ids),
    Route("delete_derived", "DELETE", CLOUD + "/derived_resources", delete_derived),
)

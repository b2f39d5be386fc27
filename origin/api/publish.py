"""`publish_resources`: what was private or authenticated becomes type `upload`, that everybody may see.

POST resources/{resource_type}/publish_resources   public_ids[] | prefix | tag, type, overwrite, invalidate
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from origin.api.answers import Json, asset
from origin.api.call import UPLOADED, admin, count_fence, delivery_type_of, name_of, refuse, reply, resource_type_of
from origin.api.params import Params
from origin.api.routes import RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import AssetRecord, Filter, Tenant

PUBLISHED_MAX = 100
"""Assets that one call publishes; `next_cursor` leads on."""
PUBLIC = "upload"


async def publish(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Each by itself: those that cannot be are told, with the reason."""
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id")
    found, cursor = await _meant(origin, tenant, params, resource_type_of(path))
    overwrite = params.flag("overwrite", default=False)
    published, failed = list[Json](), list[Json]()
    for record in found:
        name = record.name
        told: Json = {"public_id": name.public_id, "resource_type": name.resource_type, "type": name.delivery_type}
        try:
            done = await origin.records.rename(name, name.public_id, to_type=PUBLIC, overwrite=overwrite)
        except AssetNotFound:
            failed.append(told | {"message": "resource does not exist"})
        except AssetExists:
            failed.append(told | {"message": f"{PUBLIC}/{name.public_id} already exists"})
        else:
            count_fence(origin, done.fenced)
            published.append(asset(done.record, origin.address_of(tenant)))
    if overwrite and published:
        origin.pool.retire(tenant.cloud)
    return reply({"published": published, "failed": failed, **({"next_cursor": cursor} if cursor else {})})


async def _meant(
    origin: Origin, tenant: Tenant, params: Params, resource_type: str
) -> tuple[list[AssetRecord], str | None]:
    """By name in any type that is not public, or in the one that is given; by prefix and tag in that one."""
    given = delivery_type_of(params.text("type"), allowed=UPLOADED - {PUBLIC}) if "type" in params else None
    public_ids = params.texts("public_ids")
    if len(public_ids) > PUBLISHED_MAX:
        raise BadRequest(f"Too many values for parameter public_ids: at most {PUBLISHED_MAX}")
    if public_ids:
        names = [
            name_of(tenant, resource_type, kind, public_id)
            for public_id in dict.fromkeys(public_ids)
            for kind in ([given] if given else sorted(UPLOADED - {PUBLIC}))
        ]
        return [record for name in names if (record := await origin.records.get(name)) is not None], None
    if "prefix" not in params and "tag" not in params:
        raise BadRequest("Missing required parameter - public_ids, prefix or tag")
    where = Filter(
        resource_type=resource_type,
        delivery_type=given or "private",
        prefix=params.text("prefix") or None,
        tag=params.text("tag") or None,
    )
    found = await origin.records.list(
        tenant.cloud, where, max_results=PUBLISHED_MAX, cursor=params.text("next_cursor") or None
    )
    return list(found.records), found.next_cursor


ROUTES: tuple[Route, ...] = (
    Route("publish_resources", "POST", RESOURCES + "/{resource_type}/publish_resources", publish, TYPES),
)

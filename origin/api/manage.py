"""The Upload API without a file: destroy, rename, delete by token.

Every handler reads all of its parameters first and then asks for one change per asset, as a function of the asset as it
is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from origin.api import metadata_values
from origin.api.answers import Json, asset, changed, destroyed
from origin.api.call import (
    UPLOADED,
    Call,
    check_public_id,
    count_fence,
    delivery_type_of,
    name_of,
    reply,
    resource_type_of,
    signed,
    told_by,
    told_by_cloud,
)
from origin.api.delete_tokens import read_token
from origin.api.forms import read_params
from origin.api.metadata_growth import grow
from origin.api.notices import PARAMETERS, Told
from origin.api.params import check_parameters, context_of
from origin.keys import ORIGIN
from origin.records import AssetRecord, Edit, Leave, Left, Says

DESTROY = PARAMETERS | {"public_id", "type"}
RENAME = PARAMETERS | {"from_public_id", "to_public_id", "type", "to_type", "overwrite", "context", "metadata"}


async def destroy(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Delete one asset: the name is free, keys and bytes are gone, caches purged. `invalidate` is always on."""
    call = await signed(request, path)
    params, tenant = call.params, call.tenant
    check_parameters(params, DESTROY)
    delivery_type = delivery_type_of(params.text("type"))
    name = name_of(tenant, resource_type_of(path), delivery_type, params.required("public_id"))
    who = told_by(call, request)
    removed = await call.origin.records.destroy(name, once=call.once, says=says_deleted(who, "delete"))
    if removed is not None:
        count_fence(call.origin, removed.fenced)
        call.origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))


def says_deleted(who: Told, kind: str) -> Says | None:
    """What is told of assets that are no more: by which names they went. None: nobody is told."""
    if not who.addresses(kind):
        return None
    return lambda records: who.saying(kind, lambda: {"resources": [_gone(record) for record in records]})


def _gone(record: AssetRecord) -> Json:
    name = record.name
    return {
        "resource_type": name.resource_type,
        "type": name.delivery_type,
        "asset_id": record.asset_id,
        "public_id": name.public_id,
        "version": record.version,
        "display_name": record.shown_name,
        "asset_folder": record.folder,
    }


async def rename(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Move an asset to another name, and perhaps another type. The old name serves nothing afterwards."""
    call = await signed(request, path)
    params = call.params
    check_parameters(params, RENAME)
    delivery_type = delivery_type_of(params.text("type"))
    to_type = delivery_type_of(params.text("to_type") or delivery_type, "to_type", allowed=UPLOADED | {delivery_type})
    old = name_of(call.tenant, resource_type_of(path), delivery_type, params.required("from_public_id"))
    new = check_public_id(params.required("to_public_id"), "to_public_id")
    call.tenant.scope.require_name(new)
    overwrite = params.flag("overwrite", default=False)
    given = context_of(params)
    values = await metadata_edit(call)
    try:
        done = await call.origin.records.rename(
            old,
            new,
            to_type=to_type,
            overwrite=overwrite,
            once=call.once,
            edit=lambda record: values(replace(record, context={**record.context, **given})),
            leave=leaving("rename", call, request, from_public_id=old.public_id),
        )
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {old.public_id}") from missing
    except AssetExists as taken:
        raise AssetExists(f"to_public_id {new} already exists") from taken
    count_fence(call.origin, done.fenced)
    if done.overwritten:
        call.origin.pool.retire(call.tenant.cloud)
    return reply(asset(done.record, call.address) | changed(done))


async def metadata_edit(call: Call) -> Edit:
    """What a call says of structured metadata, checked against the cloud's fields; `clear_invalid`, where a call takes it,
    leaves out what may not be said. Raises BadRequest.
    """
    given = metadata_values.given_in(call.params)
    if not given:
        return lambda record: record
    await grow(call.origin.records, call.tenant.cloud, given)
    schema = await metadata_values.schema_of(call.origin.records, call.tenant.cloud)
    if call.params.flag("clear_invalid", default=False):
        given = metadata_values.valid(given, schema.fields)
    metadata_values.read_given({}, given, schema.fields)  # refused before a change
    return lambda record: replace(record, metadata=metadata_values.changed(record.metadata, given, schema))


def leaving(kind: str, call: Call, request: web.Request, **more: str) -> Leave:
    """The notice that the call asks for; `more`: what its body says beside the asset. Raises BadRequest."""
    who = told_by(call, request)
    return lambda record: Left(tasks=who.of(kind, record, lambda record: {**asset(record, call.address), **more}))


async def delete_by_token(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Whoever has the token of an upload may take it back: it is the only proof that is asked for."""
    origin = request.app[ORIGIN]
    params = await read_params(request, origin.settings.upload)
    check_parameters(params, frozenset({"token"}))
    tenant = origin.records.tenant(path["cloud"])
    if tenant is None:
        raise BadRequest("Invalid delete token")
    aid = read_token(tenant, params.required("token"), now=origin.now())
    who = await told_by_cloud(request, tenant.cloud)
    removed = await origin.records.destroy_version(tenant.cloud, aid, says=says_deleted(who, "delete_by_token"))
    if removed is None:
        raise AssetNotFound("Resource not found")
    count_fence(origin, removed.fenced)
    origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))

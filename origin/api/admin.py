"""Changing one asset through the Admin API: everything that its owner says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.asset import AssetName
from domicile.media.errors import AssetNotFound, BadRequest
from origin.api import coordinates, subjects
from origin.api.answers import asset, changed
from origin.api.authenticate import Caller
from origin.api.call import Call, admin, count_fence, delivery_type_of, name_of, reply, resource_type_of, told_by
from origin.api.manage import metadata_edit
from origin.api.moderation import moderated
from origin.api.naming import asset_folder, display_name
from origin.api.notices import PARAMETERS, audience_of
from origin.api.params import NO_SUCH, Params, context_of, tags_of
from origin.api.routes import RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import AssetRecord, Edit, Leave, Left, Tenant

UPDATABLE = PARAMETERS | frozenset(
    "tags context metadata face_coordinates custom_coordinates access_control asset_folder display_name"
    " unique_display_name moderation_status clear_invalid invalidate subject_ids".split()
)
EVENTS = {
    "tags": "resource_tags_changed",
    "context": "resource_context_changed",
    "metadata": "resource_metadata_changed",
    "access_control": "access_control_changed",
}
"""Whatever of it an update names has changed for those who are told."""
UPDATED = "update"
"""What is told to whom the call itself names, where it names none of these."""


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """By name. What is named is replaced; an empty text takes tags, context, coordinates, rules and folder away."""
    origin, tenant, params = await admin(request, path)
    name = name_of(tenant, resource_type_of(path), delivery_type_of(path["type"]), path["public_id"])
    call = await call_of(origin, tenant, params)
    return await _update(request, call, name, asked=name.public_id)


async def update_by_asset_id(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    record = await origin.records.get_by_asset_id(tenant.cloud, path["asset_id"])
    if record is None:
        raise AssetNotFound(f"Resource not found - {path['asset_id']}")
    call = await call_of(origin, tenant, params)
    return await _update(request, call, record.name, asked=path["asset_id"], asset_id=record.asset_id)


async def _update(
    request: web.Request, call: Call, name: AssetName, *, asked: str, asset_id: str | None = None
) -> web.Response:
    """`asset_id`: only while the name is that asset's."""
    _check(call.params)
    change, values = edit_of(call.params, call.origin.now()), await metadata_edit(call)

    def edit(record: AssetRecord) -> AssetRecord:
        if asset_id is not None and record.asset_id != asset_id:
            raise AssetNotFound(f"Resource not found - {asked}")
        return values(change(record))

    try:
        done = await call.origin.records.edit(
            [name],
            edit,
            unique_display_name=call.params.flag("unique_display_name", default=False),
            leave=_leaving(call, request),
        )
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {asked}") from missing
    count_fence(call.origin, done.fenced)
    return reply(asset(done.record, call.address) | changed(done))


async def call_of(origin: Origin, tenant: Tenant, params: Params) -> Call:
    """An Admin call, to be answered by what the Upload API has as well."""
    audience = await audience_of(origin.records, tenant.cloud)
    return Call(origin=origin, caller=Caller(tenant=tenant), params=params, audience=audience)


def _leaving(call: Call, request: web.Request) -> Leave:
    """The notices of an update. Raises BadRequest."""
    who = told_by(call, request)
    kinds = [kind for parameter, kind in EVENTS.items() if parameter in call.params.values] or [UPDATED]
    return lambda record: Left(
        tasks=tuple(task for kind in kinds for task in who.of(kind, record, lambda one: asset(one, call.address)))
    )


def _check(params: Params) -> None:
    for name in params.names():
        if name in NO_SUCH and name in params:
            raise BadRequest(f"Illegal value for parameter {name}: nothing of it is supported here")
        if name in params and name not in UPDATABLE:
            raise BadRequest(f"Parameter {name[:64]} is not supported yet")


def edit_of(params: Params, now: float) -> Edit:
    """Parsed before anything is changed. Raises BadRequest."""
    tags = tags_of(params) if "tags" in params.values else None
    context = context_of(params) if "context" in params.values else None
    boxes = coordinates.coordinates_of(params, may_empty=True)
    rules = read_access_control(params.text("access_control") or "[]") if "access_control" in params.values else None
    folder = asset_folder(params) if "asset_folder" in params.values else None
    shown = display_name(params, "") if "display_name" in params.values else None
    moderate = moderated(params, now=now)

    about = subjects.subjects_of(params)

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(
            record,
            tags=record.tags if tags is None else tags,
            context=record.context if context is None else context,
            coordinates=coordinates.changed(record.coordinates, boxes, record.facts),
            subject_ids=record.subject_ids if about is None else about,
            access_control=record.access_control if rules is None else rules,
            folder=record.folder if folder is None else folder,
            display_name=record.display_name if shown is None else shown,
            moderation=moderate(record.moderation),
        )

    return edit


ROUTES: tuple[Route, ...] = (
    Route("update", "POST", RESOURCES + "/{resource_type}/{type}/{public_id*}", update, TYPES),
    Route("update", "PUT", RESOURCES + "/{resource_type}/{type}/{public_id*}", update, TYPES),
    Route("update_by_asset_id", "PUT", RESOURCES + "/{asset_id}", update_by_asset_id),
)

"""Lists of choices of metadata fields (`enum`, `set`) through the Admin API: change, take out, put back, sort.

What is taken out stays where assets have it, and nobody may choose it any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.answers import Json
from origin.api.call import admin, admin_json, reply
from origin.api.metadata_conditions import as_list
from origin.api.metadata_values import CHOICES_MAX
from origin.api.naming import random_id
from origin.api.params import Params
from origin.api.routes import CLOUD, Route
from origin.keys import Origin
from origin.records import Choice, MetadataField, Tenant

ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
LISTS = frozenset({"enum", "set"})
"""Types of fields that have choices."""
ACTIVE, INACTIVE = "active", "inactive"


class GivenChoice(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it."""

    value: str
    external_id: str = ""
    state: str = ACTIVE


class GivenSource(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it."""

    values: list[GivenChoice]


class GivenIds(msgspec.Struct, forbid_unknown_fields=True):
    external_ids: list[str]


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """PUT: choices that are there get another text, others come behind them."""
    origin, tenant, body = await admin_json(request, path)
    try:
        given = msgspec.json.decode(body, type=GivenSource)
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest("Invalid value for parameter values: must be a list of values with external_ids") from bad
    return await _changed(origin, tenant, path["id"], lambda field: with_choices(field, given))


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """DELETE: those that are named may not be chosen any more."""
    origin, tenant, body = await admin_json(request, path)
    ids = _read_ids(body)
    return await _changed(origin, tenant, path["id"], lambda field: _stated(field, ids, INACTIVE))


async def restore(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST: those that are named may be chosen again."""
    origin, tenant, body = await admin_json(request, path)
    ids = _read_ids(body)
    return await _changed(origin, tenant, path["id"], lambda field: _stated(field, ids, ACTIVE))


async def order(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST: sorted by their texts."""
    origin, tenant, params = await admin(request, path)
    if params.required("order_by") != "value":
        raise BadRequest("Invalid value for parameter order_by: must be value")
    backwards = is_backwards(params)

    def edit(field: MetadataField) -> MetadataField:
        choices = sorted(field.choices, key=lambda one: one.value.casefold(), reverse=backwards)
        return msgspec.structs.replace(field, choices=tuple(choices))

    return await _changed(origin, tenant, path["id"], edit)


def with_choices(field: MetadataField, given: GivenSource) -> MetadataField:
    """Raises BadRequest."""
    if field.type not in LISTS:
        raise BadRequest("Invalid value for parameter datasource: only enum and set have one")
    new = [Choice(external_id=one.external_id or random_id(), value=one.value, state=one.state) for one in given.values]
    ids = {one.external_id for one in new}
    if len(ids) < len(new) or any(not ID.fullmatch(one) for one in ids):
        raise BadRequest("Invalid value for parameter datasource: external_ids")
    if any(one.state not in {ACTIVE, INACTIVE} for one in new):
        raise BadRequest("Invalid value for parameter datasource: state must be active or inactive")
    choices = {one.external_id: one for one in (*field.choices, *new)}
    if not 0 < len(choices) <= CHOICES_MAX:
        raise BadRequest(f"Invalid value for parameter datasource: must have 1 to {CHOICES_MAX} values")
    return msgspec.structs.replace(field, choices=tuple(choices.values()))


def source_of(field: MetadataField) -> Json:
    """As answers tell it: what may be chosen."""
    there = [choice for choice in field.choices if choice.state == ACTIVE]
    return {"values": [{"external_id": choice.external_id, "value": choice.value} for choice in there]}


def missing_field(name: str) -> AssetNotFound:
    """In Cloudinary's words."""
    return AssetNotFound(f"External ID {name[:64]} doesn't exist")


def is_backwards(params: Params) -> bool:
    """Raises BadRequest."""
    direction = params.text("direction") or "asc"
    if direction not in {"asc", "desc"}:
        raise BadRequest("Invalid value for parameter direction: must be asc or desc")
    return direction == "desc"


def _read_ids(body: bytes) -> list[str]:
    try:
        ids = msgspec.json.decode(body, type=GivenIds).external_ids
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest("Invalid value for parameter external_ids: must be a list of texts") from bad
    if not 0 < len(ids) <= CHOICES_MAX:
        raise BadRequest(f"Invalid value for parameter external_ids: must have 1 to {CHOICES_MAX} values")
    return ids


def _stated(field: MetadataField, ids: list[str], state: str) -> MetadataField:
    """Raises BadRequest."""
    unknown = set(ids) - {choice.external_id for choice in field.choices}
    if unknown:
        raise BadRequest(f"External ID {min(unknown)[:64]} doesn't exist in the datasource")
    if state == INACTIVE and field.default_value is not None and set(ids) & set(as_list(field.default_value)):
        raise BadRequest("The default value of the field cannot be deleted from its datasource")
    choices = [msgspec.structs.replace(one, state=state) if one.external_id in ids else one for one in field.choices]
    return msgspec.structs.replace(field, choices=tuple(choices))


async def _changed(
    origin: Origin, tenant: Tenant, name: str, edit: Callable[[MetadataField], MetadataField]
) -> web.Response:
    try:
        field = await origin.records.metadata_fields.change(tenant.cloud, name, edit)
    except AssetNotFound:
        raise missing_field(name) from None
    return reply(source_of(field))


SOURCE = CLOUD + "/metadata_fields/{id}/datasource"
ROUTES = (
    Route("metadata_fields", "PUT", SOURCE, update),
    Route("metadata_fields", "DELETE", SOURCE, delete),
    Route("metadata_fields", "POST", SOURCE + "/order", order),
    Route("metadata_fields", "POST", SOURCE + "_restore", restore),
)

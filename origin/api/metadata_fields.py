"""Fields of structured metadata through the Admin API: create, change, show, list, order, delete.

Source: Cloudinary's Metadata API; shapes as the SDK's `add_metadata_field` sends and reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.answers import Json
from origin.api.call import admin, admin_json, reply
from origin.api.metadata_datasources import ID, LISTS, GivenSource, is_backwards, missing_field, source_of, with_choices
from origin.api.metadata_rules import fields_in
from origin.api.metadata_values import CHOICES_MAX, RULES_DEPTH_MAX, read_any
from origin.api.naming import random_id
from origin.api.routes import CLOUD, Route
from origin.records import AssetRecord, Filter, MetadataField, MetadataValue

LABEL_CHARS_MAX = 255
T = TypeVar("T")

TYPES = frozenset({"string", "integer", "date", "enum", "set"})
_RULES = frozenset({"strlen", "greater_than", "less_than", "and"})


class GivenField(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it."""

    type: str
    label: str
    external_id: str = ""
    mandatory: bool = False
    default_value: MetadataValue | None = None
    default_disabled: bool = False
    validation: dict[str, Any] | None = None
    restrictions: dict[str, Any] | None = None
    datasource: GivenSource | None = None
    allow_dynamic_list_values: bool = False


class FieldChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What a change says; what it leaves out stays."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    external_id: str | msgspec.UnsetType = msgspec.UNSET
    """These two stay whatever it says, as SDKs send the whole field back."""
    label: str | msgspec.UnsetType = msgspec.UNSET
    mandatory: bool | msgspec.UnsetType = msgspec.UNSET
    default_value: MetadataValue | msgspec.UnsetType | None = msgspec.UNSET
    default_disabled: bool | msgspec.UnsetType = msgspec.UNSET
    validation: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    restrictions: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    datasource: GivenSource | msgspec.UnsetType = msgspec.UNSET
    allow_dynamic_list_values: bool | msgspec.UnsetType = msgspec.UNSET


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A field, under an external_id of its own or a random one."""
    origin, tenant, body = await admin_json(request, path)
    field = read_field(body, now=origin.now())
    every = await origin.records.metadata_fields.all(tenant.cloud)
    field = msgspec.structs.replace(field, position=max((one.position for one in every), default=0))
    await origin.records.metadata_fields.add(tenant.cloud, field.external_id, field)
    return reply(row_of(field))


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What is named is replaced; type and external_id stay as they are. Values that assets have are not looked at."""
    origin, tenant, body = await admin_json(request, path)
    changes = _decoded(body, FieldChanges)

    def edit(field: MetadataField) -> MetadataField:
        return changed_field(field, changes)

    try:
        field = await origin.records.metadata_fields.change(tenant.cloud, path["id"], edit)
    except AssetNotFound:
        raise missing_field(path["id"]) from None
    return reply(row_of(field))


async def order(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """PUT: by label, external_id or created_at, from now on."""
    origin, tenant, params = await admin(request, path)
    keys = {"label": _label, "external_id": lambda one: one.external_id, "created_at": lambda one: one.created_at}
    key = keys.get(params.required("order_by"))
    if key is None:
        raise BadRequest(f"Invalid value for parameter order_by: must be one of {', '.join(keys)}")
    backwards = is_backwards(params)
    every = sorted(await origin.records.metadata_fields.all(tenant.cloud), key=key, reverse=backwards)
    placed = [msgspec.structs.replace(one, position=n) for n, one in enumerate(every)]
    await origin.records.metadata_fields.write_many(tenant.cloud, {one.external_id: one for one in placed})
    return reply({"metadata_fields": [row_of(field) for field in placed]})


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One field."""
    origin, tenant, _ = await admin_json(request, path)
    field = await origin.records.metadata_fields.get(tenant.cloud, path["id"])
    if field is None:
        raise missing_field(path["id"])
    return reply(row_of(field))


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All fields: in the order that somebody gave them, newer ones behind."""
    origin, tenant, _ = await admin_json(request, path)
    every = await origin.records.metadata_fields.all(tenant.cloud)
    placed = sorted(every, key=lambda one: (one.position, one.created_at))
    return reply({"metadata_fields": [row_of(field) for field in placed]})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The field, and what assets say in it."""
    origin, tenant, _ = await admin_json(request, path)
    records, cloud, field = origin.records, tenant.cloud, path["id"]
    if await records.metadata_fields.get(cloud, field) is None:
        raise missing_field(field)
    if any(field in fields_in(rule) for rule in await records.metadata_rules.all(cloud)):
        raise BadRequest(f"Metadata field {field[:64]} is used by a metadata rule: delete that first")
    with_value = Filter(field=field)

    def without(record: AssetRecord) -> AssetRecord:
        values = {name: value for name, value in record.metadata.items() if name != field}
        return replace(record, metadata=values)

    await records.edit_where(cloud, with_value, without)  # first: cut off in the middle, the same call goes on
    await records.metadata_fields.remove(cloud, field)
    await records.edit_where(cloud, with_value, without)  # what was said meanwhile
    return reply({"message": "ok"})


def read_field(body: bytes, *, now: float) -> MetadataField:
    """Raises BadRequest."""
    given = _decoded(body, GivenField)
    if given.type not in TYPES:
        raise BadRequest(f"Invalid value for parameter type: must be one of {', '.join(sorted(TYPES))}")
    if given.external_id and not ID.fullmatch(given.external_id):
        raise BadRequest("Invalid value for parameter external_id")
    if given.type in LISTS and given.datasource is None:
        raise BadRequest(f"Invalid value for parameter datasource: must have 1 to {CHOICES_MAX} values")
    field = MetadataField(
        external_id=given.external_id or random_id(), label=given.label, type=given.type, created_at=now
    )
    return changed_field(
        field,
        FieldChanges(
            label=given.label,
            mandatory=given.mandatory,
            default_value=given.default_value,
            default_disabled=given.default_disabled,
            validation=given.validation,
            restrictions=given.restrictions,
            datasource=msgspec.UNSET if given.datasource is None else given.datasource,
            allow_dynamic_list_values=given.allow_dynamic_list_values,
        ),
    )


def changed_field(field: MetadataField, changes: FieldChanges) -> MetadataField:
    """Raises BadRequest."""
    if changes.allow_dynamic_list_values is True and field.type not in LISTS:
        raise BadRequest("Invalid value for parameter allow_dynamic_list_values: only enum and set have a list")
    names = ("label", "mandatory", "default_disabled", "validation", "restrictions", "allow_dynamic_list_values")
    said_of = {name: getattr(changes, name) for name in names if getattr(changes, name) is not msgspec.UNSET}
    if not 0 < len(said_of.get("label", field.label)) <= LABEL_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter label: must have 1 to {LABEL_CHARS_MAX} characters")
    if said_of.get("validation") is not None:
        _check_rule(said_of["validation"], 0)
    after: MetadataField = msgspec.structs.replace(field, **said_of)
    if changes.datasource is not msgspec.UNSET:
        after = with_choices(after, changes.datasource)
    default = after.default_value if changes.default_value is msgspec.UNSET else changes.default_value
    if default is None:
        return msgspec.structs.replace(after, default_value=None)
    return msgspec.structs.replace(after, default_value=read_any(after, default))


def _label(field: MetadataField) -> str:
    return field.label.casefold()


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest(
            "Invalid metadata field: must be an object of known settings, with a type and a label"
        ) from bad


def _check_rule(rule: Mapping[str, object], depth: int) -> None:
    kind, rules = rule.get("type"), rule.get("rules")
    if kind not in _RULES or depth > RULES_DEPTH_MAX:
        raise BadRequest("Invalid value for parameter validation")
    if kind == "and":
        if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
            raise BadRequest("Invalid value for parameter validation")
        for one in rules:
            _check_rule(one, depth + 1)


def row_of(field: MetadataField) -> Json:
    row: Json = {
        "type": field.type,
        "external_id": field.external_id,
        "label": field.label,
        "mandatory": field.mandatory,
        "default_value": field.default_value,
        "default_disabled": field.default_disabled,
        "validation": field.validation,
        **({"restrictions": field.restrictions} if field.restrictions else {}),
    }
    if field.type in LISTS:
        row["allow_dynamic_list_values"] = field.allow_dynamic_list_values
    if field.choices:
        row["datasource"] = source_of(field)
    return row


FIELDS = CLOUD + "/metadata_fields"
ROUTES = (
    Route("metadata_fields", "GET", FIELDS, listing),
    Route("metadata_fields", "POST", FIELDS, create),
    Route("metadata_fields", "PUT", FIELDS + "/order", order),
    Route("metadata_fields", "GET", FIELDS + "/{id}", show),
    Route("metadata_fields", "PUT", FIELDS + "/{id}", update),
    Route("metadata_fields", "DELETE", FIELDS + "/{id}", delete),
)

"""Fields of structured metadata through the Admin API: create, show, list, delete.

Source: Cloudinary's Metadata API; shapes as the SDK's `add_metadata_field` sends and reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.answers import Json
from origin.api.call import admin_json, reply
from origin.api.metadata_values import CHOICES_MAX, RULES_DEPTH_MAX, read_value
from origin.api.naming import random_id
from origin.records import Choice, MetadataField, MetadataValue

ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
LABEL_CHARS_MAX = 255
TYPES = frozenset({"string", "integer", "date", "enum", "set"})
_RULES = frozenset({"strlen", "greater_than", "less_than", "and"})


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    external_id: str = ""
    state: str = "active"


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    values: list[_Value]


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it."""

    type: str
    label: str
    external_id: str = ""
    mandatory: bool = False
    default_value: MetadataValue | None = None
    validation: dict[str, Any] | None = None
    datasource: _Source | None = None


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A field, under an external_id of its own or a random one."""
    origin, tenant, body = await admin_json(request, path)
    field = read_field(body, now=origin.now())
    await origin.records.metadata_fields.add(tenant.cloud, field.external_id, field)
    return reply(_row(field))


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One field."""
    origin, tenant, _ = await admin_json(request, path)
    field = await origin.records.metadata_fields.get(tenant.cloud, path["id"])
    if field is None:
        raise _missing(path["id"])
    return reply(_row(field))


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All fields, the oldest first."""
    origin, tenant, _ = await admin_json(request, path)
    every = sorted(await origin.records.metadata_fields.all(tenant.cloud), key=lambda one: one.created_at)
    return reply({"metadata_fields": [_row(field) for field in every]})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Values that assets have stay with them, and cannot be changed any more."""
    origin, tenant, _ = await admin_json(request, path)
    if not await origin.records.metadata_fields.remove(tenant.cloud, path["id"]):
        raise _missing(path["id"])
    return reply({"message": "ok"})


def read_field(body: bytes, *, now: float) -> MetadataField:
    """Raises BadRequest."""
    try:
        given = msgspec.json.decode(body, type=_Given)
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest(
            "Invalid metadata field: must be an object of known settings, with a type and a label"
        ) from bad
    if given.type not in TYPES:
        raise BadRequest(f"Invalid value for parameter type: must be one of {', '.join(sorted(TYPES))}")
    if given.external_id and not ID.fullmatch(given.external_id):
        raise BadRequest("Invalid value for parameter external_id")
    if not 0 < len(given.label) <= LABEL_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter label: must have 1 to {LABEL_CHARS_MAX} characters")
    if given.validation is not None:
        _check_rule(given.validation, 0)
    field = MetadataField(
        external_id=given.external_id or random_id(),
        label=given.label,
        type=given.type,
        mandatory=given.mandatory,
        validation=given.validation,
        choices=_choices(given),
        created_at=now,
    )
    if given.default_value is not None:
        value = given.default_value
        text = msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)
        field = msgspec.structs.replace(field, default_value=read_value(field, text))
    return field


def _choices(given: _Given) -> tuple[Choice, ...]:
    if given.type not in {"enum", "set"}:
        if given.datasource is not None:
            raise BadRequest("Invalid value for parameter datasource: only enum and set have one")
        return ()
    values = given.datasource.values if given.datasource is not None else []
    if not 0 < len(values) <= CHOICES_MAX:
        raise BadRequest(f"Invalid value for parameter datasource: must have 1 to {CHOICES_MAX} values")
    choices = tuple(
        Choice(external_id=one.external_id or random_id(), value=one.value, state=one.state) for one in values
    )
    ids = {one.external_id for one in choices}
    if len(ids) < len(choices) or any(not ID.fullmatch(one) for one in ids):
        raise BadRequest("Invalid value for parameter datasource: external_ids")
    return choices


def _check_rule(rule: Mapping[str, object], depth: int) -> None:
    kind, rules = rule.get("type"), rule.get("rules")
    if kind not in _RULES or depth > RULES_DEPTH_MAX:
        raise BadRequest("Invalid value for parameter validation")
    if kind == "and":
        if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
            raise BadRequest("Invalid value for parameter validation")
        for one in rules:
            _check_rule(one, depth + 1)


def _missing(name: str) -> AssetNotFound:
    return AssetNotFound(f"External ID {name[:64]} doesn't exist")


def _row(field: MetadataField) -> Json:
    row: Json = {
        "type": field.type,
        "external_id": field.external_id,
        "label": field.label,
        "mandatory": field.mandatory,
        "default_value": field.default_value,
        "validation": field.validation,
    }
    if field.choices:
        row["datasource"] = {"values": [msgspec.structs.asdict(choice) for choice in field.choices]}
    return row

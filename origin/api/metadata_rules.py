"""Conditional metadata rules through the Admin API: create, change, list, delete. What follows from them: metadata_conditions.

Source: Cloudinary's "Conditional metadata rules" API; shapes as the SDK's `add_metadata_rule` sends and reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.answers import Json
from origin.api.call import admin_json, reply
from origin.api.metadata_conditions import CONDITIONS_MAX, DEPTH_MAX, as_list
from origin.api.metadata_datasources import ID, LISTS, missing_field
from origin.api.metadata_values import read_any
from origin.api.naming import random_id
from origin.api.routes import CLOUD, Route
from origin.records import MetadataField, MetadataRule, Records

NAME_CHARS_MAX = 255
STATES = frozenset({"active", "inactive"})
_RESULTS = frozenset({"enable", "activate_values", "apply_value", "set_mandatory"})
_TESTS = ("equals", "includes", "populated")

Fields = Mapping[str, MetadataField]


class RuleChanges(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it; what a change leaves out stays."""

    external_id: str = ""
    metadata_field_id: str = ""
    name: str = ""
    condition: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    state: str = ""
    position: int | None = None


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A rule, behind those that there are."""
    origin, tenant, body = await admin_json(request, path)
    given = _decoded(body)
    for name in ("metadata_field_id", "name", "condition", "result"):
        if not getattr(given, name):
            raise BadRequest(f"Missing required parameter - {name}")
    if given.external_id and not ID.fullmatch(given.external_id):
        raise BadRequest("Invalid value for parameter external_id")
    rules = origin.records.metadata_rules
    last = max((one.position for one in await rules.all(tenant.cloud)), default=-1)
    empty = MetadataRule(
        external_id=given.external_id or random_id(),
        metadata_field_id="",
        name="",
        condition={},
        result={},
        position=last + 1,
    )
    rule = changed_rule(empty, given, await _fields(origin.records, tenant.cloud))
    await rules.add(tenant.cloud, rule.external_id, rule)
    return reply(_row(rule))


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What is named is replaced."""
    origin, tenant, body = await admin_json(request, path)
    given = _decoded(body)
    if given.external_id not in {"", path["id"]}:
        raise BadRequest("Parameter external_id cannot be changed")
    fields = await _fields(origin.records, tenant.cloud)
    try:
        rule = await origin.records.metadata_rules.change(
            tenant.cloud, path["id"], lambda old: changed_rule(old, given, fields)
        )
    except AssetNotFound:
        raise missing_field(path["id"]) from None
    return reply(_row(rule))


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All, in the order in which they are gone through."""
    origin, tenant, _ = await admin_json(request, path)
    every = await origin.records.metadata_rules.all(tenant.cloud)
    return reply(
        {"metadata_rules": [_row(one) for one in sorted(every, key=lambda one: (one.position, one.external_id))]}
    )


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What it filled in stays."""
    origin, tenant, _ = await admin_json(request, path)
    if not await origin.records.metadata_rules.remove(tenant.cloud, path["id"]):
        raise missing_field(path["id"])
    return reply({"message": "ok", "success": True})


def changed_rule(rule: MetadataRule, given: RuleChanges, fields: Fields) -> MetadataRule:
    """Raises BadRequest for what could never be followed."""
    names = ("metadata_field_id", "name", "condition", "result", "state", "position")
    said = {name: getattr(given, name) for name in names if getattr(given, name) not in ("", None)}
    after: MetadataRule = msgspec.structs.replace(rule, **said)
    if len(after.name) > NAME_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter name: must have at most {NAME_CHARS_MAX} characters")
    if after.state not in STATES:
        raise BadRequest("Invalid value for parameter state: must be active or inactive")
    unknown = next((one for one in fields_in(after) if one not in fields), None)
    if unknown is not None:
        raise BadRequest(f"Metadata field {unknown[:64]} does not exist")
    _check_condition(after.condition, 0)
    if sum(1 for _ in _conditions(after.condition)) > CONDITIONS_MAX:
        raise BadRequest(f"Too many conditions in one rule: at most {CONDITIONS_MAX}")
    return msgspec.structs.replace(after, result=_read_result(after.result, fields[after.metadata_field_id]))


def fields_in(rule: MetadataRule) -> set[str]:
    """External ids of all fields that it asks or is about."""
    asked = {one["metadata_field_id"] for one in _conditions(rule.condition) if "metadata_field_id" in one}
    return {rule.metadata_field_id, *(one for one in asked if isinstance(one, str))}


def _conditions(condition: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """It, and all that are in it."""
    yield condition
    for word in ("and", "or"):
        parts = condition.get(word, [])
        for part in parts if isinstance(parts, list) and depth < DEPTH_MAX else []:
            if isinstance(part, dict):
                yield from _conditions(part, depth + 1)


def _check_condition(condition: Mapping[str, Any], depth: int) -> None:
    words = [word for word in ("and", "or") if word in condition]
    bad = BadRequest("Invalid value for parameter condition")
    if depth > DEPTH_MAX:
        raise bad
    if words:
        parts = condition[words[0]]
        if len(condition) > 1 or not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
            raise bad
        for part in parts:
            _check_condition(part, depth + 1)
        return
    tests = [word for word in _TESTS if word in condition]
    if len(tests) != 1 or set(condition) != {"metadata_field_id", tests[0]}:
        raise bad
    wanted = condition[tests[0]]
    if tests[0] == "populated":
        is_fit = isinstance(wanted, bool)
    else:
        is_fit = all(isinstance(one, str | int) for one in as_list(wanted))
    if not isinstance(condition["metadata_field_id"], str) or not is_fit:
        raise bad


def _read_result(result: Mapping[str, Any], about: MetadataField) -> dict[str, Any]:
    if not result or not set(result) <= _RESULTS:
        raise BadRequest(f"Invalid value for parameter result: must be of {', '.join(sorted(_RESULTS))}")
    if any(not isinstance(result.get(name, True), bool) for name in ("enable", "set_mandatory")):
        raise BadRequest("Invalid value for parameter result: enable and set_mandatory are true or false")
    chosen = result.get("activate_values", "all")
    if chosen != "all":
        ids = chosen.get("external_ids") if isinstance(chosen, dict) else None
        if about.type not in LISTS or not isinstance(ids, list):
            raise BadRequest("Invalid value for parameter result: activate_values")
        read_any(msgspec.structs.replace(about, type="set", validation=None), ids)
        _check_mode(chosen, "override")
    if "apply_value" not in result:
        return dict(result)
    applied = result["apply_value"]
    if not isinstance(applied, dict) or not isinstance(applied.get("value"), str | int | list):
        raise BadRequest("Invalid value for parameter result: apply_value")
    _check_mode(applied, "default")
    return {**result, "apply_value": {**applied, "value": read_any(about, applied["value"])}}


def _check_mode(part: Mapping[str, Any], usual: str) -> None:
    if part.get("mode", usual) not in {usual, "append"}:
        raise BadRequest(f"Invalid value for parameter result: mode must be {usual} or append")


def _decoded(body: bytes) -> RuleChanges:
    try:
        return msgspec.json.decode(body, type=RuleChanges)
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest("Invalid metadata rule: must be an object of known settings") from bad


async def _fields(records: Records, cloud: str) -> Fields:
    return {field.external_id: field for field in await records.metadata_fields.all(cloud)}


def _row(rule: MetadataRule) -> Json:
    return msgspec.structs.asdict(rule)


RULES = CLOUD + "/metadata_rules"
ROUTES = (
    Route("metadata_rules", "GET", RULES, listing),
    Route("metadata_rules", "POST", RULES, create),
    Route("metadata_rules", "PUT", RULES + "/{id}", update),
    Route("metadata_rules", "DELETE", RULES + "/{id}", delete),
)

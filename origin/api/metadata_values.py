r"""Values of structured metadata: read from a call, checked against the cloud's fields, and what is said where nothing is.

    metadata=height=180|colors=["red_id","blue_id"]|born=2026-11-24        as SDKs write it, with `\|` and `\=`

An empty value takes the field's value away. Source: the SDK's `encode_context`, Cloudinary's page "Structured metadata".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from domicile.media.errors import BadRequest
from origin.api.metadata_conditions import Judged, as_list, judge
from origin.api.params import Params, context_of
from origin.records import MetadataField, MetadataRule, MetadataValue, Records

NAME = "metadata"
TEXT_CHARS_MAX = 1024
"""Of one value."""
CHOICES_MAX = 3000
INTEGER_MAX = 2**53
RULES_DEPTH_MAX = 4

_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)

Given = Mapping[str, str]
"""What a call says, by external_id: texts as they came."""
Fields = Mapping[str, MetadataField]


def given_in(params: Params) -> dict[str, str]:
    """Raises BadRequest."""
    return context_of(params, NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a cloud lets be said of its assets."""

    fields: Fields
    rules: tuple[MetadataRule, ...] = ()


async def schema_of(records: Records, cloud: str) -> Schema:
    """All of it, as it is now."""
    fields = await records.metadata_fields.all(cloud)
    rules = await records.metadata_rules.all(cloud) if fields else ()
    return Schema(fields={field.external_id: field for field in fields}, rules=rules)


def changed(old: Mapping[str, MetadataValue], given: Given, schema: Schema) -> dict[str, MetadataValue]:
    """The values after a call, and what follows from them by rules. Raises BadRequest."""
    judged = judge(read_given(old, given, schema.fields), schema.fields, schema.rules)
    _check_standings(given, judged, schema.fields)
    return judged.values


def read_given(old: Mapping[str, MetadataValue], given: Given, fields: Fields) -> dict[str, MetadataValue]:
    """The values as the call says them; rules are not asked. Raises BadRequest."""
    values = dict(old)
    for name, text in given.items():
        field = fields.get(name)
        if field is None:
            raise BadRequest(f"Metadata field {name[:64]} does not exist")
        if text:
            values[name] = read_value(field, text)
        elif field.mandatory:
            raise BadRequest(f"Metadata field {name[:64]} is mandatory")
        else:
            values.pop(name, None)
    return values


def valid(given: Given, fields: Fields) -> dict[str, str]:
    """Those of the given that may be said: for calls that ask to leave the others out (`clear_invalid`)."""
    return {name: text for name, text in given.items() if is_valid(name, text, fields)}


def first(given: Given, schema: Schema) -> dict[str, MetadataValue]:
    """The values of an upload: what is said, else defaults, and what follows from them by rules. Raises BadRequest, also for
    a mandatory field without a value.
    """
    fields = schema.fields
    said = read_given({}, given, fields)
    defaults = {name: field.default_value for name, field in fields.items() if field.default_value is not None}
    at_once = {name: value for name, value in defaults.items() if not fields[name].default_disabled}
    judged = judge(at_once | said, fields, schema.rules)
    _check_standings(given, judged, fields)
    opened = {name for name, standing in judged.standings.items() if standing.is_open}
    values = {name: value for name, value in defaults.items() if name in opened} | judged.values
    for name in opened:
        if judged.standings[name].is_mandatory and name not in values:
            raise BadRequest(f"Metadata field {name[:64]} is mandatory")
    return values


def _check_standings(given: Given, judged: Judged, fields: Fields) -> None:
    """What a call says must be open to be said, and what rules make mandatory must be there. Raises BadRequest."""
    for name, standing in judged.standings.items():
        value = judged.values.get(name)
        if given.get(name) and not standing.is_open:
            raise BadRequest(f"Metadata field {name[:64]} is disabled")
        if given.get(name) and standing.choices is not None and value is not None:
            unfit = next((one for one in as_list(value) if one not in standing.choices), None)
            if unfit is not None:
                raise _bad(fields[name], f"{str(unfit)[:64]} may not be chosen with these values")
        if given and standing.is_open and standing.is_mandatory and not fields[name].mandatory and value is None:
            raise BadRequest(f"Metadata field {name[:64]} is mandatory")


def read_value(field: MetadataField, text: str) -> MetadataValue:
    """One value. Raises BadRequest."""
    if len(text) > TEXT_CHARS_MAX and field.type != "set":
        raise _bad(field, f"at most {TEXT_CHARS_MAX} characters")
    value: MetadataValue
    match field.type:
        case "integer":
            if not _INTEGER.fullmatch(text) or abs(int(text)) > INTEGER_MAX:
                raise _bad(field, "must be a whole number")
            value = int(text)
        case "date":
            value = _date(field, text)
        case "enum":
            value = _choices(field, [text])[0]
        case "set":
            value = _choices(field, read_list(field, text))
        case _:
            value = text
    _check(field, value)
    return value


def read_any(field: MetadataField, value: MetadataValue) -> MetadataValue:
    """A value as JSON has it, held to what one of a call is held to. Raises BadRequest."""
    return read_value(field, msgspec.json.encode(value).decode() if isinstance(value, list) else str(value))


def is_valid(name: str, text: str, fields: Fields) -> bool:
    try:
        read_given({}, {name: text}, fields)
    except BadRequest:
        return False
    return True


def _date(field: MetadataField, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as bad:
        raise _bad(field, "must be a date like 2026-11-24") from bad


def read_list(field: MetadataField, text: str) -> list[str]:
    if not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise _bad(field, "must be a list of external_ids") from bad


def _choices(field: MetadataField, wanted: Sequence[str]) -> list[str]:
    active = {choice.external_id for choice in field.choices if choice.state == "active"}
    if field.allow_dynamic_list_values:  # those who add to a list do not choose external_ids
        by_value = {choice.value: choice.external_id for choice in field.choices}
        wanted = [one if one in active else by_value.get(one, one) for one in wanted]
    unknown = next((one for one in wanted if one not in active), None)
    if unknown is not None:
        raise _bad(field, f"{unknown[:64]} is not one of its values")
    return list(dict.fromkeys(wanted))


def _check(field: MetadataField, value: MetadataValue) -> None:
    if field.validation is not None and not holds(field.validation, value):
        raise _bad(field, "fails the field's validation")


def holds(rule: Mapping[str, object], value: MetadataValue, depth: int = 0) -> bool:
    """Does a value pass a validation rule, as the API spells it? Dates compare as texts.

    >>> holds({"type": "and", "rules": [{"type": "greater_than", "value": 3}, {"type": "less_than", "value": 9}]}, 4)
    True
    """
    match rule.get("type"):
        case "strlen":
            length = len(str(value))
            return _least(rule, "min", 0) <= length <= _least(rule, "max", TEXT_CHARS_MAX)
        case "greater_than" | "less_than" as way:
            bound = rule.get("value")
            if not isinstance(value, int | str) or not isinstance(bound, type(value)):
                return False
            is_beyond = value > bound if way == "greater_than" else value < bound  # type: ignore[operator]
            return is_beyond or (bool(rule.get("equals")) and value == bound)
        case "and":
            rules = rule.get("rules")
            return (
                depth < RULES_DEPTH_MAX
                and isinstance(rules, list)
                and all(isinstance(one, dict) and holds(one, value, depth + 1) for one in rules)
            )
        case _:
            return False


def _least(rule: Mapping[str, object], key: str, default: int) -> int:
    bound = rule.get(key)
    return bound if isinstance(bound, int) else default


def _bad(field: MetadataField, why: str) -> BadRequest:
    return BadRequest(f"Invalid value for metadata field {field.external_id[:64]}: {why}")

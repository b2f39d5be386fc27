"""What follows from conditional metadata rules: which fields are open, which choices they have, what is filled in. Pure.

Rules are gone through in their order; each sees the values that the ones before it filled in. A field is open unless it is
`default_disabled`, until a rule whose condition holds says otherwise. What Cloudinary's documentation leaves open is decided in
docs/adr/0036-the-rest-of-the-admin-api.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from origin.records import MetadataField, MetadataRule, MetadataValue

DEPTH_MAX = 4
CONDITIONS_MAX = 50
"""In one rule."""

Values = Mapping[str, MetadataValue]


@dataclass(slots=True, kw_only=True)
class Standing:
    """How a field stands once all rules were gone through."""

    is_open: bool
    is_mandatory: bool
    choices: set[str] | None = None
    """External ids that may be chosen; None: all that the field has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Values as rules fill them in, and what holds for each field with them."""

    values: dict[str, MetadataValue]
    standings: dict[str, Standing] = field(default_factory=dict)


def judge(values: Values, fields: Mapping[str, MetadataField], rules: Iterable[MetadataRule]) -> Judged:
    """Apply all rules that are active and about fields that there are."""
    judged = Judged(
        values=dict(values),
        standings={
            name: Standing(is_open=not one.default_disabled, is_mandatory=one.mandatory) for name, one in fields.items()
        },
    )
    for rule in sorted(rules, key=lambda one: (one.position, one.external_id)):
        about = fields.get(rule.metadata_field_id)
        if about is not None and rule.state == "active" and holds(rule.condition, judged.values):
            _apply(rule.result, about, judged)
    return judged


def holds(condition: Mapping[str, Any], values: Values, depth: int = 0) -> bool:
    """Does a condition hold, as the API spells it?

    >>> holds({"and": [{"metadata_field_id": "a", "equals": 1}, {"metadata_field_id": "b", "populated": False}]}, {"a": 1})
    True
    """
    if depth > DEPTH_MAX:
        return False
    for word, together in (("and", all), ("or", any)):
        if word in condition:
            return together(holds(one, values, depth + 1) for one in condition[word])
    value = values.get(condition.get("metadata_field_id", ""))
    if "populated" in condition:
        return (value is not None) is bool(condition["populated"])
    if "equals" in condition:
        return value is not None and set(as_list(value)) == set(as_list(condition["equals"]))
    return value is not None and set(as_list(condition.get("includes", []))) <= set(as_list(value))


def _apply(result: Mapping[str, Any], about: MetadataField, judged: Judged) -> None:
    standing, name = judged.standings[about.external_id], about.external_id
    if "enable" in result:
        standing.is_open = bool(result["enable"])
    if "set_mandatory" in result:
        standing.is_mandatory = bool(result["set_mandatory"])
    chosen = result.get("activate_values")
    if chosen == "all":
        standing.choices = None
    elif chosen is not None:
        before = standing.choices or set() if chosen.get("mode") == "append" else set()
        standing.choices = before | set(chosen["external_ids"])
    applied = result.get("apply_value")
    if applied is None:
        return
    value = applied["value"]
    if name not in judged.values:
        judged.values[name] = value
    elif applied.get("mode") == "append" and about.type == "set":
        judged.values[name] = list(dict.fromkeys([*as_list(judged.values[name]), *as_list(value)]))


def as_list(value: MetadataValue) -> list[Any]:
    """One value, or those of a set."""
    return value if isinstance(value, list) else [value]

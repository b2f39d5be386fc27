"""What follows from conditional metadata rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domicile.media.errors import BadRequest
from origin.api.metadata_conditions import holds
from origin.api.metadata_rules import RuleChanges, changed_rule
from origin.api.metadata_values import Schema, changed, first
from origin.records import Choice, MetadataField, MetadataRule

GENRE = MetadataField(external_id="genre", label="Genre", type="string", created_at=0.0)
MODEL = MetadataField(external_id="model", label="Model", type="string", default_disabled=True, created_at=0.0)
COLORS = MetadataField(
    external_id="colors",
    label="Colours",
    type="set",
    choices=tuple(Choice(external_id=one, value=one.upper()) for one in ("red", "green", "blue")),
    created_at=0.0,
)
FIELDS = {one.external_id: one for one in (GENRE, MODEL, COLORS)}
IS_PORTRAIT = {"metadata_field_id": "genre", "equals": "portrait"}


def rule(condition: dict[str, Any], *, about: str, position: int = 0, **result: Any) -> MetadataRule:
    return MetadataRule(
        external_id=f"r{position}", metadata_field_id=about, name="", condition=condition, result=result,
        position=position,
    )  # fmt: skip


def schema(*rules: MetadataRule) -> Schema:
    return Schema(fields=FIELDS, rules=rules)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (IS_PORTRAIT, {"genre": "portrait"}, True),
        (IS_PORTRAIT, {"genre": "other"}, False),
        (IS_PORTRAIT, {}, False),
        ({"metadata_field_id": "colors", "equals": ["red", "blue"]}, {"colors": ["blue", "red"]}, True),
        ({"metadata_field_id": "colors", "includes": ["red"]}, {"colors": ["blue", "red"]}, True),
        ({"metadata_field_id": "colors", "includes": ["red", 1]}, {"colors": ["blue", "red"]}, False),
        ({"metadata_field_id": "colors", "populated": False}, {}, True),
        ({"metadata_field_id": "colors", "populated": True}, {}, False),
        ({"and": [IS_PORTRAIT, {"metadata_field_id": "colors", "populated": True}]}, {"genre": "portrait"}, False),
        ({"or": [IS_PORTRAIT, {"metadata_field_id": "colors", "populated": True}]}, {"genre": "portrait"}, True),
    ],
)
def test_conditions_hold(condition: dict[str, Any], values: dict[str, Any], expected: bool) -> None:
    assert holds(condition, values) is expected


def test_a_disabled_field_opens_by_a_rule_and_is_closed_by_a_later_one() -> None:
    opens = rule(IS_PORTRAIT, about="model", enable=True)
    closes = rule({"metadata_field_id": "colors", "populated": True}, about="model", position=1, enable=False)
    assert first({"genre": "portrait", "model": "x"}, schema(opens)) == {"genre": "portrait", "model": "x"}
    for given in ({"genre": "other", "model": "x"}, {"model": "x"}):
        with pytest.raises(BadRequest, match="model is disabled"):
            first(given, schema(opens))
    assert changed({"genre": "portrait"}, {"model": "x"}, schema(opens))["model"] == "x"
    with pytest.raises(BadRequest, match="model is disabled"):
        changed({"genre": "portrait", "colors": ["red"]}, {"model": "x"}, schema(closes, opens))


def test_a_rule_narrows_choices_and_the_next_adds_to_them() -> None:
    narrow = rule(IS_PORTRAIT, about="colors", activate_values={"external_ids": ["red"]})
    wider = rule(IS_PORTRAIT, about="colors", position=1, activate_values={"external_ids": ["blue"], "mode": "append"})
    given = {"genre": "portrait", "colors": "blue"}
    with pytest.raises(BadRequest, match="blue may not be chosen"):
        first(given, schema(narrow))
    assert first(given, schema(narrow, wider))["colors"] == ["blue"]
    assert first({**given, "genre": "other"}, schema(narrow))["colors"] == ["blue"]


def test_a_rule_fills_in_what_is_empty_and_adds_to_sets() -> None:
    fills = rule(IS_PORTRAIT, about="colors", apply_value={"value": ["red"]})
    adds = rule(IS_PORTRAIT, about="colors", apply_value={"value": ["red"], "mode": "append"})
    assert first({"genre": "portrait"}, schema(fills))["colors"] == ["red"]
    assert first({"genre": "portrait", "colors": "blue"}, schema(fills))["colors"] == ["blue"]
    assert first({"genre": "portrait", "colors": "blue"}, schema(adds))["colors"] == ["blue", "red"]
    idle = msgspec.structs.replace(fills, state="inactive")
    assert first({"genre": "portrait"}, schema(idle)) == {"genre": "portrait"}


def test_a_rule_makes_a_field_mandatory_while_it_is_open() -> None:
    needs = rule(IS_PORTRAIT, about="colors", set_mandatory=True)
    with pytest.raises(BadRequest, match="colors is mandatory"):
        changed({}, {"genre": "portrait"}, schema(needs))
    with pytest.raises(BadRequest, match="colors is mandatory"):
        first({"genre": "portrait"}, schema(needs))
    shut = rule(IS_PORTRAIT, about="colors", position=1, enable=False)
    assert changed({}, {"genre": "portrait"}, schema(needs, shut)) == {"genre": "portrait"}


DEEP: dict[str, Any] = IS_PORTRAIT
for _ in range(6):
    DEEP = {"and": [DEEP]}


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": {"metadata_field_id": "genre"}},
        {"condition": {"metadata_field_id": "nobody", "equals": "x"}},
        {"condition": {"metadata_field_id": "genre", "equals": {"a": 1}}},
        {"condition": {"metadata_field_id": "genre", "populated": 1}},
        {"condition": {"and": IS_PORTRAIT}},
        {"condition": {"and": [IS_PORTRAIT], "or": [IS_PORTRAIT]}},
        {"condition": DEEP},
        {"condition": {"or": [IS_PORTRAIT] * 60}},
        {"result": {"explode": True}},
        {"result": {"enable": "yes"}},
        {"result": {"activate_values": {"external_ids": ["mauve"]}}},
        {"result": {"activate_values": {"external_ids": ["red"], "mode": "default"}}},
        {"result": {"apply_value": {"value": ["mauve"]}}},
        {"metadata_field_id": "nobody"},
        {"state": "asleep"},
    ],
)
def test_a_rule_that_could_never_be_followed_is_refused(changes: dict[str, Any]) -> None:
    usual = RuleChanges(metadata_field_id="colors", name="r", condition=IS_PORTRAIT, result={"enable": False})
    empty = MetadataRule(external_id="r", metadata_field_id="", name="", condition={}, result={}, position=0)
    assert changed_rule(empty, usual, FIELDS).metadata_field_id == "colors"
    with pytest.raises(BadRequest):
        changed_rule(empty, msgspec.structs.replace(usual, **changes), FIELDS)

from __future__ import annotations

import msgspec
import pytest

from domicile.media.errors import BadRequest
from origin.api.metadata_fields import read_field
from origin.api.metadata_growth import grown
from origin.api.metadata_values import CHOICES_MAX, Schema, changed, first, given_in, holds, read_value, valid
from origin.api.params import Params
from origin.records import Choice, MetadataField


def field(kind: str = "string", **settings: object) -> MetadataField:
    return MetadataField(external_id="f", label="F", type=kind, created_at=0.0, **settings)  # type: ignore[arg-type]


def made(text: str) -> MetadataField:
    return read_field(text.encode(), now=1.0)


SET = made(
    '{"type":"set","label":"S","external_id":"s",'
    '"datasource":{"values":[{"external_id":"a","value":"A"},{"external_id":"b","value":"B","state":"inactive"}]}}'
)


def test_values_are_read_as_sdks_write_them() -> None:
    assert given_in(Params({"metadata": r'a=x\=y\|z|s=["q","r"]|e='})) == {"a": "x=y|z", "s": '["q","r"]', "e": ""}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("string", "x", "x"), ("integer", "-12", -12), ("date", "2026-11-24", "2026-11-24")],
)
def test_a_value_has_the_type_of_its_field(kind: str, text: str, value: object) -> None:
    assert read_value(field(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text"), [("integer", "1.5"), ("integer", "9" * 17), ("date", "24.11.2026"), ("string", "x" * 1025)]
)
def test_what_is_no_value_is_refused(kind: str, text: str) -> None:
    with pytest.raises(BadRequest, match="Invalid value for metadata field f"):
        read_value(field(kind), text)


def test_choices_are_those_that_may_be_chosen_now() -> None:
    assert read_value(SET, '["a","a"]') == ["a"]
    assert read_value(SET, "a") == ["a"]
    for wrong in ('["b"]', '["c"]', "[", "[1]"):
        with pytest.raises(BadRequest):
            read_value(SET, wrong)


def test_rules_hold_at_their_borders() -> None:
    below = {"type": "less_than", "value": 10}
    assert [holds(below, n) for n in (9, 10)] == [True, False]
    assert holds({**below, "equals": True}, 10)
    assert [holds({"type": "strlen", "min": 2, "max": 3}, text) for text in ("a", "ab", "abc", "abcd")] == [
        False, True, True, False,
    ]  # fmt: skip
    assert holds({"type": "greater_than", "value": "2026-01-01"}, "2026-11-24")
    assert not holds({"type": "greater_than", "value": 3}, "4")
    assert not holds({"type": "unknown"}, "4")
    deep: dict[str, object] = below
    for _ in range(6):
        deep = {"type": "and", "rules": [deep]}
    assert not holds(deep, 1)


def test_an_upload_takes_defaults_and_misses_nothing_mandatory() -> None:
    schema = Schema(fields={"f": field(default_value="d"), "m": field(mandatory=True)})
    assert first({"m": "x"}, schema) == {"f": "d", "m": "x"}
    with pytest.raises(BadRequest, match="m is mandatory"):
        first({}, schema)
    with pytest.raises(BadRequest, match="m is mandatory"):
        changed({"m": "x"}, {"m": ""}, schema)
    assert changed({"f": "x", "gone": 1}, {"f": ""}, schema) == {"gone": 1}
    assert valid({"f": "x", "nobody": "y", "m": ""}, schema.fields) == {"f": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"type":"float","label":"x"}',
        '{"type":"string","label":""}',
        '{"type":"string","label":"x","external_id":"a b"}',
        '{"type":"string","label":"x","other":1}',
        '{"type":"enum","label":"x"}',
        '{"type":"string","label":"x","datasource":{"values":[{"value":"a"}]}}',
        '{"type":"enum","label":"x","datasource":{"values":[{"value":"a","external_id":"a"},{"value":"b","external_id":"a"}]}}',
        '{"type":"integer","label":"x","validation":{"type":"and"}}',
        '{"type":"integer","label":"x","default_value":"many"}',
    ],
)
def test_a_field_that_nobody_could_fill_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        made(text)


def test_a_list_that_may_grow_takes_what_is_said_and_nothing_that_was_taken_out() -> None:
    dynamic = msgspec.structs.replace(SET, allow_dynamic_list_values=True)
    after = grown(dynamic, '["a","new one","c","b","c"]')
    assert [choice.value for choice in after.choices] == ["A", "B", "new one", "c"]
    assert after.choices[3].external_id == "c"
    assert read_value(after, "c,A") == ["c", "a"]
    with pytest.raises(BadRequest):
        read_value(grown(dynamic, "b"), "b")
    assert grown(SET, "c") is SET


@pytest.mark.parametrize("text", ["", "[", "x" * 256])
def test_a_list_does_not_grow_by_what_is_no_value(text: str) -> None:
    dynamic = msgspec.structs.replace(SET, allow_dynamic_list_values=True)
    assert grown(dynamic, text) is dynamic


def test_a_list_does_not_grow_beyond_its_end() -> None:
    full = tuple(Choice(external_id=f"n{n}", value=f"n{n}") for n in range(CHOICES_MAX))
    dynamic = msgspec.structs.replace(SET, allow_dynamic_list_values=True, choices=full)
    assert grown(dynamic, "c") is dynamic


def test_only_fields_with_a_list_may_grow() -> None:
    with pytest.raises(BadRequest, match="allow_dynamic_list_values"):
        made('{"type":"string","label":"S","allow_dynamic_list_values":true}')

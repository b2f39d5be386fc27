"""What `explicit` decides before it asks for a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.errors import BadRequest
from origin.api.explicit import WIDTH, explicit_edit, types_looked_in
from origin.api.params import Params
from origin.records import AssetRecord
from tests.infra.records import facts

NOW = 1_700_000_000.0
JANE = AssetRecord(
    asset_id=AssetId("a" * 32),
    aid=Aid("b" * 32),
    name=AssetName(cloud="acme", resource_type="image", delivery_type="upload", public_id="jane"),
    version=1,
    facts=facts(b"x"),
    tags=("old",),
    context={"k": "v"},
    created_at=1.0,
)


@pytest.mark.parametrize("wanted", WIDTH)
def test_explicit_looks_only_where_an_asset_is_at_least_as_public(wanted: str) -> None:
    looked_in = types_looked_in(wanted)
    assert looked_in[0] == wanted
    assert {WIDTH.index(kind) <= WIDTH.index(wanted) for kind in looked_in} == {True}


def test_explicit_without_a_type_finds_any_and_keeps_it() -> None:
    assert types_looked_in(None) == WIDTH
    private = replace(JANE, name=replace(JANE.name, delivery_type="private"))
    assert explicit_edit(Params({}), None, NOW)(private) == private


def test_explicit_changes_what_is_given_and_nothing_else() -> None:
    changed = explicit_edit(Params({"tags": "a,b"}), "private", NOW)(JANE)
    assert (changed.name.delivery_type, changed.tags, changed.context) == ("private", ("a", "b"), {"k": "v"})
    assert explicit_edit(Params({"context": "a=1"}), None, NOW)(JANE) == replace(JANE, context={"a": "1"})


@pytest.mark.parametrize("given", [{"tags": "x" * 300}, {"context": "no pair"}])
def test_explicit_is_parsed_before_there_is_an_edit(given: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        explicit_edit(Params(given), "private", NOW)

"""A policy file is a policy or a PolicyError that says which field is wrong, and never anything else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domicile.media.policy import Activity, Lifetimes, PolicyError, Preset, ResidencyPolicy
from domicile.media.policy_file import from_mapping, from_toml

FIELDS = sorted(ResidencyPolicy.__dataclass_fields__.keys() - {"preset"} | {"interpretation"})

plain = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(dt.date(2026, 1, 1))
    | st.just(dt.time(1))
)
near = st.sampled_from([404, 410, 404.0, "strict-eu", "as-is", "eu", "world", "https://x.example", 60, "60", 1])
names = st.text(max_size=8) | st.sampled_from([*Activity, *Lifetimes.__dataclass_fields__])
values = st.recursive(
    plain | near,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), values, max_size=8)


def policy(**fields: Any) -> ResidencyPolicy:
    return from_mapping({"tenant": "demo", **fields}, home="eu-de")


def outcome(raw: dict[str, Any]) -> ResidencyPolicy | PolicyError:
    try:
        return from_mapping(raw, home="eu-de")
    except PolicyError as bad:
        return bad


@given(raw=tables)
@example(raw={"zones": 5})
@example(raw={"version": "x"})
@example(raw={"lifetimes": [60]})
@example(raw={"erased_status": []})
@example(raw={"originals": {}})
@example(raw={"timing_allow_origin": 3})
@example(raw={})
def test_whatever_a_table_holds_it_is_a_policy_or_a_policy_error(raw: dict[str, Any]) -> None:
    for fields in (raw, {"tenant": "demo", **raw}):
        match outcome(fields):
            case PolicyError() as bad:
                assert str(bad).startswith(bad.field)
                assert "allowed: " in str(bad)
                assert len(str(bad)) < 500
            case ResidencyPolicy() as read:
                assert from_mapping(read.to_mapping(), home="eu-fr") == read


@given(name=st.sampled_from([name for name in FIELDS if name != "tenant"]), value=values)
def test_one_wrong_field_is_the_one_that_is_named(name: str, value: object) -> None:
    match outcome({"tenant": "demo", name: value}):
        case PolicyError() as bad:
            assert bad.field.split(".")[0] == name
        case ResidencyPolicy() as read:
            assert read.tenant == "demo"


@given(text=st.text(max_size=40))
@example(text="version = " + "9" * 5000)
@example(text="version = " + "[" * 5000 + "]" * 5000)
@example(text="version = 0x" + "f" * 5000)
def test_whatever_a_file_holds_it_is_no_policy_of_this_cloud_or_it_is_one(text: str) -> None:
    with pytest.raises(PolicyError):
        from_toml('tenant = "other"\n' + text, cloud="demo", home="eu-de")
    with pytest.raises(PolicyError):
        from_toml('tenant = "demo"\nversion = 0\n' + text, cloud="demo", home="eu-de")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"tenant": 5}, "tenant: 5 is not allowed; allowed: a text"),
        ({"tenant": ""}, "tenant: '' is not allowed"),
        ({"version": "x"}, "version: 'x' is not allowed; allowed: a whole number from 1 to 2147483647"),
        ({"version": True}, "version: True is not allowed"),
        ({"version": 2**31}, "version: 2147483648 is not allowed"),
        ({"zones": 5}, "zones: 5 is not allowed; allowed: a table"),
        ({"zones": {"cache": ["mars"]}}, r"zones\.cache: 'mars' is not allowed; allowed: zones like"),
        ({"zones": {"teleport": ["eu"]}}, r"zones\.teleport: unknown field; allowed: store, "),
        ({"zones": {"cache": "eu"}}, r"zones\.cache: 'eu' is not allowed; allowed: a list"),
        ({"zones": {"cache": [1]}}, r"zones\.cache: \[1\] is not allowed"),
        ({"interpretation": "lax"}, "interpretation: 'lax' is not allowed; allowed: one of strict-eu, eu, global"),
        ({"interpretation": ["eu"]}, "interpretation: "),
        ({"colour": "blue"}, "colour: unknown field; allowed: tenant, "),
        ({"lifetimes": {"browser_seconds_max": 3600}}, "declared_non_personal = true"),
        ({"lifetimes": {"browser_seconds_max": -1}}, "whole number from 0"),
        ({"lifetimes": {"browser_seconds_max": True}}, "whole number"),
        ({"lifetimes": {"shared_seconds_max": 1.5}}, r"lifetimes\.shared_seconds_max: 1\.5"),
        ({"lifetimes": {"decades": 1}}, r"lifetimes\.decades: unknown field"),
        ({"erased_status": 200}, "erased_status: 200 is not allowed; allowed: 404 or 410"),
        ({"erased_status": 404.0}, "404 or 410"),
        ({"originals": "raw"}, "one of stripped, as-is"),
        ({"strict_transformations": "yes"}, "true or false"),
        ({"lease_seconds": 0}, "lease_seconds: 0 is not allowed; allowed: a number from 1 to 3600"),
        ({"lease_seconds": True}, "lease_seconds: True"),
        ({"lease_seconds": float("nan")}, "lease_seconds: nan"),
        ({"declared_non_personal": "false"}, "declared_non_personal: 'false' is not allowed; allowed: true or false"),
        ({"declared_non_personal": 1}, "declared_non_personal: 1"),
        ({"redaction": "pixelate"}, "redaction: 'pixelate' is not allowed; allowed: a table"),
        ({"redaction": {}}, r"redaction\.faces: None is not allowed; allowed: one of pixelate, blur"),
        ({"redaction": {"faces": "mask"}}, r"redaction\.faces: 'mask' is not allowed; allowed: one of pixelate, blur"),
        ({"redaction": {"faces": "blur", "folder": "a"}}, r"redaction\.folder: unknown field"),
        ({"redaction": {"faces": "blur", "folders": []}}, r"redaction\.folders: \[\] is not allowed"),
        ({"redaction": {"faces": "blur", "folders": ["/a"]}}, r"redaction\.folders: '/a' is not allowed"),
        ({"redaction": {"faces": "blur", "folders": ["a/"]}}, r"redaction\.folders: 'a/' is not allowed"),
        ({"redaction": {"faces": "blur", "folders": "a"}}, r"redaction\.folders: 'a' is not allowed; allowed: a list"),
        ({"redaction": {"faces": "blur", "except_signed": 1}}, r"redaction\.except_signed: 1 is not allowed"),
        ({"timing_allow_origin": "*"}, r"timing_allow_origin: '\*' is not allowed; allowed: a list"),
        ({"timing_allow_origin": ["https://a.example\r\nX: y"]}, "allowed: origins like"),
        ({"timing_allow_origin": ["https://a.example, *"]}, "allowed: origins like"),
    ],
)
def test_a_bad_policy_names_the_field_its_value_and_what_is_allowed(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        policy(**raw)


def test_a_text_that_looks_like_false_does_not_declare_anything() -> None:
    with pytest.raises(PolicyError, match="declared_non_personal"):
        policy(declared_non_personal="false", lifetimes={"browser_seconds_max": 3600})
    assert policy(declared_non_personal=True, lifetimes={"browser_seconds_max": 3600}).declared_non_personal


def test_a_number_too_long_to_be_written_is_refused_all_the_same() -> None:
    with pytest.raises(PolicyError, match="version: a value of type int is not allowed"):
        policy(version=1 << 70_000)  # hexadecimal numbers of TOML have no limit


def test_origins_that_browsers_send_and_the_star_are_allowed() -> None:
    origins = ("*", "https://www.example.com", "http://localhost:3000", "http://[::1]:8080")
    assert policy(timing_allow_origin=list(origins)).timing_allow_origin == origins


@pytest.mark.parametrize("preset", list(Preset))
def test_a_policy_survives_the_wire(preset: Preset) -> None:
    rules = policy(interpretation=str(preset), zones={"cache": ["eea"]}, originals="as-is", erased_status=410)
    assert from_mapping(rules.to_mapping(), home="eu-fr") == rules


@pytest.mark.parametrize(
    "table",
    [
        {"faces": "pixelate"},
        {"faces": "blur", "folders": ["profiles", "team/public"]},
        {"faces": "blur", "except_signed": True},
    ],
)
def test_a_redaction_survives_the_wire_and_is_told_apart(table: dict[str, Any]) -> None:
    rules = policy(redaction=table)
    assert from_mapping(rules.to_mapping(), home="eu-fr") == rules
    assert rules.to_mapping() != policy().to_mapping()


def test_what_may_be_kept_and_taken_in_survives_the_wire_and_is_silent_by_default() -> None:
    rules = policy(metadata="attribution", pdf="accept")
    assert (rules.metadata, rules.pdf) == ("attribution", "accept")
    assert from_mapping(rules.to_mapping(), home="eu-fr") == rules
    assert {"metadata", "pdf"}.isdisjoint(policy().to_mapping())
    for field, value in {"metadata": "gps", "pdf": True}.items():
        with pytest.raises(PolicyError, match=field):
            policy(**{field: value})


def test_a_policy_without_redaction_does_not_speak_of_it() -> None:
    """An edge of an earlier version refuses what it does not know."""
    assert "redaction" not in policy().to_mapping()


def test_a_file_of_another_cloud_is_refused() -> None:
    assert from_toml('tenant = "demo"', cloud="demo", home="eu-de") == policy()
    with pytest.raises(PolicyError, match="tenant: 'demo' is not allowed; allowed: the cloud of this file, 'acme'"):
        from_toml('tenant = "demo"', cloud="acme", home="eu-de")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.directives import SECONDS_MAX, parse_directives, rules_of


def rules(*lines: str, cdn: str | None = None):
    fields = tuple(("Cache-Control", line) for line in lines)
    return rules_of(fields if cdn is None else (*fields, ("CDN-Cache-Control", cdn)))


@pytest.mark.parametrize(
    "lines, lifetime",
    [
        (("max-age=60",), 60),
        (("MaX-AgE=60",), 60),
        (("max-age=003600",), 3600),
        (('max-age="60"',), 60),
        (("max-age=60, s-maxage=5",), 5),
        (("s-maxage=5", "max-age=60"), 5),
        (("max-age=60", "max-age=60"), 60),
        (("max-age=60, max-age=1",), 0),
        (("max-age=60", "max-age=1"), 0),
        (("max-age=99999999999",), SECONDS_MAX),
        (("max-age=" + "9" * 5000,), SECONDS_MAX),
        (("max-age=" + "0" * 5000 + "7",), 7),
        (("max-age=-1",), 0),
        (("max-age=1.5",), 0),
        (("max-age='60'",), 0),
        (("max-age=60a",), 0),
        (("max-age",), 0),
        (("max-age=",), 0),
        (("max-age =60",), 0),
        (("max-age= 60",), 0),
        (("max-age=\u0661",), 0),
        (('ext="max-age=60"',), None),
        (('ext="a, max-age=60", max-age=1',), 1),
        (("public",), None),
        ((), None),
    ],
)
def test_a_lifetime_is_read_and_in_doubt_it_is_nought(lines: tuple[str, ...], lifetime: int | None) -> None:
    assert rules(*lines).lifetime == lifetime


@pytest.mark.parametrize("line", ["no-store", "nO-StOrE", "a=b, no-store", "no-store=1", "no-store =", 'no-store="x"'])
def test_a_flag_is_taken_even_with_a_value(line: str) -> None:
    assert rules(line).no_store


def test_no_cache_with_fields_is_about_these_fields_only() -> None:
    found = rules('max-age=60, no-cache="Foo, bar", private="Set-Cookie"')
    assert (found.no_cache, found.private, found.excluded) == (False, False, {"foo", "bar", "set-cookie"})
    assert rules('no-cache="foo", no-cache').no_cache
    assert rules('no-cache=""').no_cache


def test_a_shared_lifetime_forbids_what_is_stale() -> None:
    assert rules("s-maxage=1").must_revalidate
    assert rules("proxy-revalidate").must_revalidate
    assert not rules("max-age=1").must_revalidate


def test_a_targeted_field_takes_the_place_of_all_others() -> None:
    found = rules("no-store, max-age=1", cdn="max-age=600, stale-if-error=9")
    assert (found.no_store, found.lifetime, found.stale_if_error, found.targeted) == (False, 600, 9, True)
    assert rules("max-age=600", cdn="no-store").no_store
    assert rules("max-age=600", cdn="private").private
    assert rules("max-age=600", cdn="no-cache").no_cache
    assert rules("max-age=600", cdn="foo").lifetime is None
    assert not rules(cdn="no-store=?0").no_store
    assert rules(cdn="max-age=-5").lifetime == 0
    assert rules(cdn='max-age=5, private="set-cookie"').excluded == {"set-cookie"}


@pytest.mark.parametrize(
    "cdn", ["", "max-age=9, &&", 'max-age="9"', "max-age", "max-age=1.5", "max-age =9", "no-store=3", "MAX-AGE=9", "a,"]
)
def test_a_targeted_field_that_is_malformed_is_ignored_as_a_whole(cdn: str) -> None:
    found = rules("no-store, max-age=1", cdn=cdn)
    assert (found.no_store, found.lifetime, found.targeted) == (True, 1, False)


@given(st.lists(st.text('abmx-ge=0123456789", \\', max_size=30), max_size=4))
def test_every_text_gives_rules_with_lifetimes_in_bounds(lines: list[str]) -> None:
    found = rules(*lines)
    assert found.lifetime is None or 0 <= found.lifetime <= SECONDS_MAX


@given(st.permutations(["max-age=60", "no-store", "s-maxage=5", 'no-cache="a,b"', "public"]), st.booleans())
def test_neither_the_order_nor_the_lines_of_directives_mean_anything(parts: list[str], one_line: bool) -> None:
    lines = [", ".join(parts)] if one_line else parts
    assert rules(*lines) == rules('max-age=60, no-store, s-maxage=5, no-cache="a,b", public')


def test_the_values_of_a_request_are_kept_apart() -> None:
    said = parse_directives((("Cache-Control", "max-stale, min-fresh=5"),))
    assert said.given["max-stale"] == (None,)
    assert said.seconds("min-fresh") == 5


@pytest.mark.parametrize(
    "surrogate, lifetime, no_store, targeted",
    [
        ("max-age=60", 60, False, True),
        ("MaX-aGe=60", 60, False, True),
        ("max-age=60+30", 60, False, True),
        ("max-age=60;domicile", 60, False, True),
        ("max-age=60, max-age=5;domicile", 5, False, True),
        ("max-age=60;other", 7, True, False),
        ("max-age=60;other, no-store;other", 7, True, False),
        ("max-age=x", 0, False, True),
        ("max-age=1, max-age=2", 0, False, True),
        ("no-store", None, True, True),
        ("no-store-remote", None, True, True),
        ("content=ESI/1.0", 7, True, False),
        ("", 7, True, False),
    ],
)
def test_a_surrogate_control_counts_where_it_is_for_this_cache(
    surrogate: str, lifetime: int | None, no_store: bool, targeted: bool
) -> None:
    found = rules_of((("Cache-Control", "max-age=7, no-store"), ("Surrogate-Control", surrogate)))
    assert (found.lifetime, found.no_store, found.targeted) == (lifetime, no_store, targeted)


def test_the_standard_targeted_field_comes_first() -> None:
    assert rules_of((("CDN-Cache-Control", "max-age=1"), ("Surrogate-Control", "max-age=2"))).lifetime == 1

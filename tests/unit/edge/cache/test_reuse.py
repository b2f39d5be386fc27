from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.fields import Fields
from edge.cache.reuse import Forward, Use, chosen, decide, may_hide_error, may_stand_in
from edge.cache.vary import Selection, selection
from tests.unit.edge.cache.heads import NOW, fields, stored


def use(one, at: float = 0.0, method: str = "GET", **request: str) -> Use:
    return decide(method, fields(**request), [one] if one else [], now=NOW + at).use


@pytest.mark.parametrize(
    "cache_control, at, expected",
    [
        ("max-age=10", 9, Use.HIT),
        ("max-age=10", 10, Use.VALIDATE),
        ("max-age=10, no-cache", 0, Use.VALIDATE),
        ("max-age=10, stale-while-revalidate=5", 14, Use.BEHIND),
        ("max-age=10, stale-while-revalidate=5", 15, Use.VALIDATE),
        ("max-age=10, stale-while-revalidate=5, must-revalidate", 12, Use.VALIDATE),
        ("max-age=10, stale-while-revalidate=5, no-cache", 12, Use.VALIDATE),
        ("s-maxage=10, stale-while-revalidate=5", 12, Use.VALIDATE),
    ],
)
def test_what_the_response_allows(cache_control: str, at: float, expected: Use) -> None:
    assert use(stored(cache_control=cache_control), at) is expected


@pytest.mark.parametrize(
    "request_says, age, expected",
    [
        ("no-cache", 0, Use.VALIDATE),
        ("max-age=0", 1, Use.VALIDATE),
        ("max-age=5", 4, Use.HIT),
        ("max-age=5", 6, Use.VALIDATE),
        ("min-fresh=3", 6, Use.HIT),
        ("min-fresh=3", 8, Use.VALIDATE),
        ("max-stale", 1000, Use.HIT),
        ("max-stale=5", 14, Use.HIT),
        ("max-stale=5", 16, Use.VALIDATE),
        ("only-if-cached", 5, Use.HIT),
        ("only-if-cached", 15, Use.ONLY_CACHED),
        ("nothing-to-see-here", 5, Use.HIT),
    ],
)
def test_what_the_request_allows(request_says: str, age: float, expected: Use) -> None:
    assert use(stored(cache_control="max-age=10"), age, cache_control=request_says) is expected


def test_a_request_is_read_once_for_all_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lists may be long, and variants many."""
    read: list[object] = []

    def counted(names: tuple[str, ...], request: Fields) -> Selection:
        read.append(names)
        return selection(names, request)

    monkeypatch.setattr("edge.cache.reuse.selection", counted)
    variants = [stored(fields(foo=str(number)), vary="Foo") for number in range(32)]
    assert chosen(variants, fields(foo="31")) is variants[31]
    assert read == [("foo",)]


def test_requests_need_not_be_heeded() -> None:
    one = stored(cache_control="max-age=10")
    found = decide("GET", fields(cache_control="no-cache"), [one], now=NOW, heeds_request=False)
    assert found.use is Use.HIT


def test_pragma_counts_where_there_is_no_cache_control() -> None:
    one = stored(cache_control="max-age=10")
    assert use(one, pragma="no-cache") is Use.VALIDATE
    assert use(one, pragma="foo") is Use.HIT
    assert use(one, pragma="no-cache", cache_control="foo") is Use.HIT


def test_max_stale_does_not_beat_the_response() -> None:
    assert use(stored(cache_control="max-age=10, must-revalidate"), 12, cache_control="max-stale") is Use.VALIDATE


def test_nothing_stored() -> None:
    assert use(None) is Use.MISS
    assert use(None, cache_control="only-if-cached") is Use.ONLY_CACHED
    assert decide("GET", (), [], now=NOW).forward is Forward.URI_MISS


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "M-SEARCH"])
def test_other_methods_are_for_the_origin(method: str) -> None:
    assert use(stored(cache_control="max-age=10"), method=method) is Use.FORWARD


def test_conditions_on_the_origins_state_are_for_the_origin() -> None:
    assert use(stored(cache_control="max-age=10", etag='"a"'), if_match='"a"') is Use.FORWARD


def test_the_variant_for_a_request_is_chosen() -> None:
    one = stored(fields(foo="1"), cache_control="max-age=10", vary="Foo")
    other = stored(fields(foo="2"), cache_control="max-age=10", vary="Foo")
    assert chosen([one, other], fields(foo="2")) is other
    assert chosen([one, other], fields(foo="3")) is None
    assert decide("GET", fields(foo="3"), [one, other], now=NOW).forward is Forward.VARY_MISS
    german = stored(fields(accept_language="en, de"), vary="Accept-Language", content_language="de", etag='"a"')
    assert chosen([german], fields(accept_language="de, fr;q=0.1")) is german


def test_errors_are_hidden_only_where_the_response_says_so() -> None:
    one = stored(cache_control="max-age=10, stale-if-error=5")
    assert may_hide_error(one, now=NOW + 14)
    assert not may_hide_error(one, now=NOW + 15)
    assert not may_hide_error(stored(cache_control="max-age=10"), now=NOW + 12)


@pytest.mark.parametrize("forbids", ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"])
def test_nothing_stands_in_where_the_response_forbids_it(forbids: str) -> None:
    one = stored(cache_control=f"max-age=10, stale-if-error=99, {forbids}")
    assert not may_stand_in(one, now=NOW + 12, seconds_max=60)
    assert not may_hide_error(one, now=NOW + 12)


def test_a_stale_response_stands_in_for_a_while() -> None:
    one = stored(cache_control="max-age=10")
    assert may_stand_in(one, now=NOW + 69, seconds_max=60)
    assert not may_stand_in(one, now=NOW + 71, seconds_max=60)
    assert not may_stand_in(one, now=NOW + 11, seconds_max=0)


@given(
    st.lists(
        st.sampled_from(
            "no-cache no-store must-revalidate max-age=5 s-maxage=3 stale-while-revalidate=4 stale-if-error=4 public".split()
        ),
        max_size=4,
    ),
    st.lists(
        st.sampled_from("no-cache max-age=2 min-fresh=2 max-stale max-stale=3 only-if-cached".split()), max_size=3
    ),
    st.floats(0, 20),
)
def test_a_stale_hit_was_asked_for_and_allowed(response: list[str], request: list[str], at: float) -> None:
    one = stored(cache_control=", ".join(response), etag='"a"')
    found = decide("GET", fields(cache_control=", ".join(request)), [one], now=NOW + at)
    if found.use is Use.HIT and not one.is_fresh(NOW + at):
        assert any(said.startswith("max-stale") for said in request)
    if found.use in {Use.HIT, Use.BEHIND}:
        assert "no-cache" not in response
        assert "no-cache" not in request
        assert one.is_fresh(NOW + at) or not one.rules.must_revalidate

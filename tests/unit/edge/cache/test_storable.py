from __future__ import annotations

from typing import Any

import pytest

from edge.cache.dates import format_date
from edge.cache.fields import Fields
from edge.cache.storable import is_storable
from tests.unit.edge.cache.heads import NOW, fields, got

TARGET = "/a?b"


def kept(method: str = "GET", status: int = 200, request: Fields = (), **values: Any) -> bool:
    return is_storable(method, TARGET, request, got(status, **values), heuristic_fraction=0.1)


@pytest.mark.parametrize("status", [200, 203, 204, 299, 301, 302, 307, 308, 400, 404, 410, 499, 500, 503, 599, 999])
def test_any_final_status_is_kept_with_a_lifetime(status: int) -> None:
    assert kept(status=status, cache_control="max-age=60")


@pytest.mark.parametrize(
    "values",
    [
        {"cache_control": "no-store, max-age=60"},
        {"cache_control": "private, max-age=60"},
        {"cache_control": "max-age=60", "vary": "Foo, *"},
        {"cache_control": "max-age=0"},
        {"expires": format_date(NOW - 5)},
        {},
        {"cdn_cache_control": "no-store", "cache_control": "max-age=60"},
        {"cdn_cache_control": "private", "cache_control": "max-age=60"},
        {"cdn_cache_control": "foo", "expires": format_date(NOW + 60)},
    ],
)
def test_what_is_forbidden_or_of_no_use_is_not_kept(values: dict[str, Any]) -> None:
    assert not kept(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"etag": '"a"'},
        {"cache_control": "no-cache", "etag": '"a"'},
        {"cache_control": "max-age=0", "last_modified": "yesterday"},
        {"cache_control": "max-age=0, stale-while-revalidate=5"},
        {"cache_control": "max-age=0, stale-if-error=5"},
        {"last_modified": format_date(NOW - 1000)},
        {"cache_control": "private=foo, max-age=60"},
        {"cdn_cache_control": "max-age=60", "cache_control": "no-store"},
        {"set_cookie": "a=b", "cache_control": "max-age=60"},
    ],
)
def test_what_is_of_use_is_kept(values: dict[str, Any]) -> None:
    assert kept(**values)


@pytest.mark.parametrize("status", [206, 304])
def test_parts_are_never_kept(status: int) -> None:
    assert not kept(status=status, cache_control="max-age=60")


def test_what_must_be_understood_is_kept_only_when_it_is() -> None:
    assert not kept(status=599, cache_control="max-age=60, must-understand")
    assert kept(status=200, cache_control="max-age=60, must-understand, no-store")


def test_a_guess_needs_a_status_that_allows_it() -> None:
    modified: dict[str, Any] = {"last_modified": format_date(NOW - 1000)}
    assert not kept(status=201, **modified)
    assert not kept(status=599, **modified)
    assert kept(status=599, cache_control="public", **modified)


@pytest.mark.parametrize(
    "cache_control, allowed",
    [
        ("max-age=60", False),
        ("max-age=60, public", True),
        ("s-maxage=60", True),
        ("max-age=60, must-revalidate", True),
        ("max-age=60, proxy-revalidate", False),
    ],
)
def test_an_answer_to_credentials_is_kept_only_with_leave(cache_control: str, allowed: bool) -> None:
    assert kept(request=fields(authorization="Basic x"), cache_control=cache_control) is allowed


@pytest.mark.parametrize(
    "said, allowed",
    [
        ({"cdn_cache_control": "max-age=60"}, False),
        ({"cdn_cache_control": "max-age=60", "cache_control": "public"}, False),
        ({"cdn_cache_control": "max-age=60, public"}, True),
        ({"cdn_cache_control": "max-age=60, must-revalidate"}, True),
        ({"cdn_cache_control": "s-maxage=60"}, True),
        ({"surrogate_control": "max-age=60"}, False),
        ({"expires": format_date(NOW + 60)}, False),
    ],
)
def test_a_targeted_field_gives_leave_in_the_words_of_cache_control_and_a_lifetime_is_none(
    said: dict[str, Any], allowed: bool
) -> None:
    assert kept(request=fields(authorization="Basic x"), **said) is allowed
    assert kept(**said)


def test_a_request_can_forbid_keeping() -> None:
    assert not kept(request=fields(cache_control="no-store"), cache_control="max-age=60")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH"])
def test_only_what_answers_a_get_is_kept(method: str) -> None:
    assert not kept(method=method, cache_control="max-age=60")


@pytest.mark.parametrize(
    "location, kept_too",
    [("/a?b", True), ("/a", False), ("/other", False), ("http://elsewhere/a?b", False), ("x", False)],
)
def test_a_post_is_kept_when_it_says_that_it_is_the_resource(location: str, kept_too: bool) -> None:
    assert kept(method="POST", content_location=location, cache_control="max-age=60") is kept_too
    assert not kept(method="POST", content_location=location, etag='"a"')

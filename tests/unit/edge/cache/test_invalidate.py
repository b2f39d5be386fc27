from __future__ import annotations

import pytest

from edge.cache.invalidate import invalidated
from tests.unit.edge.cache.heads import fields


def gone(method: str = "POST", status: int = 200, **values: str) -> set[str]:
    return set(invalidated(method, "/dir/a?b", status, fields(**values), authorities={"origin:80"}))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "UNHEARD-OF"])
def test_a_method_that_may_change_something_makes_its_target_invalid(method: str) -> None:
    assert gone(method) == {"/dir/a?b"}
    assert gone(method, 303) == {"/dir/a?b"}
    assert gone(method, 400) == set()
    assert gone(method, 500) == set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_changes_nothing(method: str) -> None:
    assert gone(method, location="/x") == set()


@pytest.mark.parametrize(
    "reference, target",
    [
        ("/x", "/x"),
        ("x?y#z", "/dir/x?y"),
        ("../x", "/x"),
        ("http://origin:80/x", "/x"),
        ("http://ORIGIN:80", "/"),
        ("//origin:80/x", "/x"),
        ("http://elsewhere/x", None),
        ("http://-.elsewhere/x", None),
        ("ftp://origin:80/x", None),
        ("http://[bad/x", None),
    ],
)
def test_locations_on_the_same_origin_are_invalid_too(reference: str, target: str | None) -> None:
    expected = {"/dir/a?b"} | ({target} if target else set())
    assert gone(location=reference) == expected
    assert gone(content_location=reference) == expected

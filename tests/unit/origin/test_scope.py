"""What a key may do, and where."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest, OutOfScope
from origin.records.tenant import Tenant
from origin.scope import EVERYTHING, ApiKey, Operation, Scope, primary_of, scope_of


def key(number: int, *operations: str, folder: str = "", **more) -> ApiKey:
    scope = scope_of(operations, folder)
    return ApiKey(api_key=str(10**14 + number), secret=f"secret-{number}", scope=scope, created_at=number, **more)


def test_admin_is_all_operations_and_no_other_one_is_another() -> None:
    assert all(EVERYTHING.allows(each) for each in Operation)
    for each in set(Operation) - {Operation.ADMIN}:
        assert [other for other in Operation if scope_of((each,), "").allows(other)] == [each]


def test_a_folder_covers_what_lies_in_it() -> None:
    scope = Scope(operations=frozenset({Operation.READ}), folder="team/a")
    scope.require_name("team/a/b/c")
    for outside in ("team/a", "team/ab", "team", "", "x/team/a/b", "Team/a/b"):
        with pytest.raises(OutOfScope):
            scope.require_name(outside)


@pytest.mark.parametrize(
    "operations, folder",
    [(("look",), ""), (("read", "Read"), ""), ((), "team"), (("erase",), "team"), (("admin",), "team")]
    + [(("read",), folder) for folder in ("/team", "team/", "a//b", "a\0b", "a/../b")],
)
def test_what_is_no_scope_is_refused(operations: tuple[str, ...], folder: str) -> None:
    with pytest.raises(BadRequest):
        scope_of(operations, folder)


def test_the_oldest_enabled_key_that_may_do_everything_speaks_for_the_cloud() -> None:
    keys = (key(5), key(2, "read"), key(3, is_enabled=False), key(4), key(1, "read", folder="a"))
    assert primary_of(keys) == keys[3]
    assert primary_of(keys[1:3]) is None


def test_delivery_urls_are_believed_from_keys_that_may_see_all_that_they_show() -> None:
    keys = (key(1), key(2, "upload"), key(3, "read", folder="team"), key(4, "read", is_enabled=False), key(5, "read"))
    tenant = Tenant(
        cloud="acme", api_key="", api_secret="", name_key=b"", file_key=b"", config_revision=1, created_at=0.0
    ).with_keys(keys)
    assert list(tenant.delivery_secrets(["team/a"])) == ["secret-1", "secret-3", "secret-5"]
    assert list(tenant.delivery_secrets(["team/a", "logo"])) == ["secret-1", "secret-5"]
    assert (tenant.api_key, tenant.scope) == (keys[0].api_key, EVERYTHING)
    assert tenant.called_by(keys[2]).scope.folder == "team"

from __future__ import annotations

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest
from origin.api.delete_tokens import TOKEN_SECONDS, make_token, read_token
from origin.records import Tenant

AID = Aid("ab" * 16)


def tenant(name_key: bytes = b"n" * 32) -> Tenant:
    return Tenant(
        cloud="acme",
        api_key="1",
        api_secret="s",
        name_key=name_key,
        file_key=b"f" * 32,
        config_revision=1,
        created_at=0.0,
    )


def test_a_token_is_about_one_version_for_ten_minutes() -> None:
    token = make_token(tenant(), AID, now=1000.0)
    assert read_token(tenant(), token, now=1000.0 + TOKEN_SECONDS - 1) == AID
    with pytest.raises(BadRequest, match="has expired"):
        read_token(tenant(), token, now=1000.0 + TOKEN_SECONDS)


def test_a_token_of_another_cloud_or_of_nobody_is_none() -> None:
    token = make_token(tenant(), AID, now=1000.0)
    changed = ("B" if token[3] == "A" else "A").join((token[:3], token[4:]))
    for wrong in (changed, token[:-4], "", "x", "=" * 40, token * 2, make_token(tenant(b"o" * 32), AID, now=1000.0)):
        with pytest.raises(BadRequest, match="Invalid delete token"):
            read_token(tenant(), wrong, now=1000.0)

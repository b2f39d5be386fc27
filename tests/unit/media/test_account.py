"""Accounts by their URL, and assets as an upload writes them."""

from __future__ import annotations

from domicile.media.account import USUAL_PREFIX, path_of, read_account, upload_fields


def test_an_account_is_what_its_url_says() -> None:
    account = read_account("cloudinary://123:s%2Fx@acme?upload_prefix=https://api.example.org/&cname=x")
    assert (account.cloud, account.api_key, account.api_secret) == ("acme", "123", "s/x")
    assert account.base == "https://api.example.org/v1_1/acme"
    assert read_account("cloudinary://1:s@acme\n").prefix == USUAL_PREFIX
    assert "s/x" not in repr(account)


def test_a_name_stays_one_name_in_a_path() -> None:
    assert path_of("image", "upload", "a b/c?d%20") == "/resources/image/upload/a%20b%2Fc%3Fd%2520"


def test_an_upload_says_what_the_admin_api_tells() -> None:
    told = {
        "public_id": "a",
        "type": "private",
        "tags": ["x", "y"],
        "context": {"custom": {"alt": "a=b|c"}},
        "metadata": {"colors": ["red", "blue"], "year": 1999},
        "access_control": [{"access_type": "token"}],
        "asset_folder": "",
        "derived": [1],
    }
    assert upload_fields(told) == {
        "public_id": "a",
        "type": "private",
        "tags": "x,y",
        "context": "alt=a\\=b\\|c",
        "metadata": 'colors=["red", "blue"]|year=1999',
        "access_control": '[{"access_type": "token"}]',
    }

"""Bytes move where the cloud's policy lets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.cli.failure import Failure
from domicile.cli.imports import account_of, permitted
from domicile.cli.installation import Installation, installation
from domicile.media.policy import Activity


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "acme.toml").write_text('tenant = "acme"\n')
    return installation(None, tmp_path)


def test_what_comes_from_elsewhere_has_to_be_allowed_and_so_has_the_place(place: Installation) -> None:
    assert permitted(place, "acme", Activity.STORE, None).place.region == place.origin_region
    with pytest.raises(Failure, match="the policy denies ingress_fetch"):
        permitted(place, "acme", Activity.INGRESS_FETCH, None)
    with pytest.raises(Failure, match="the policy denies backup in us-east"):
        permitted(place, "acme", Activity.BACKUP, "us-east")


def test_without_a_policy_nothing_moves(place: Installation) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        permitted(place, "other", Activity.STORE, None)


@pytest.mark.parametrize("url", ["", "http://k:s@c", "cloudinary://acme", "cloudinary://k:s@c?upload_prefix=ftp://x"])
def test_what_is_no_account_is_said(url: str) -> None:
    with pytest.raises(Failure):
        account_of(url)

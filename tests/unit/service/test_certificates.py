from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509

from domicile.service.certificates import refuse_unfit
from domicile.service.settings import BadSetting
from tests.infra.authority import Authority

SETTING = "edge.origin.certificate_file"
HOME = x509.UniformResourceIdentifier("domicile:zone:eu-de")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), "authority")


def test_one_that_is_valid_and_bound_to_the_region_is_taken(authority: Authority) -> None:
    file, key = authority.issue("good", x509.DNSName("localhost"), HOME)
    refuse_unfit(file, setting=SETTING, now=time.time(), region="eu-de")
    file.write_bytes(key.read_bytes() + file.read_bytes())  # both in one file
    refuse_unfit(file, setting=SETTING, now=time.time(), region="eu-de")


@pytest.mark.parametrize(
    ("names", "later", "region", "why"),
    [
        ((HOME,), 2 * 3600, "eu-de", "it ended"),
        ((HOME,), -4 * 3600, None, "it begins"),
        ((HOME,), 0, "eu-fr", "not bound to the region eu-fr"),
        ((), 0, "eu-de", "not bound to the region eu-de"),
        ((x509.DNSName("localhost"),), 0, "eu-de", "not bound to the region eu-de"),
    ],
)
def test_one_to_change_over_to_is_refused_by_name(
    authority: Authority, names: tuple[x509.GeneralName, ...], later: int, region: str | None, why: str
) -> None:
    file, _ = authority.issue("odd", *names)
    with pytest.raises(BadSetting, match=f"{SETTING}.*odd.pem.*{why}"):
        refuse_unfit(file, setting=SETTING, now=time.time() + later, region=region)


@pytest.mark.parametrize("text", [b"", b"nothing", None])
def test_a_file_without_a_certificate_is_refused(tmp_path: Path, text: bytes | None) -> None:
    file = tmp_path / "odd.pem"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(BadSetting, match=SETTING):
        refuse_unfit(file, setting=SETTING, now=time.time())

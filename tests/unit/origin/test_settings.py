"""The origin's settings: a bad one is named, with its value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.service.settings import BadSetting
from origin.settings import address, read_settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LISTEN", "nowhere", "origin.listen: 'nowhere' is not HOST:PORT"),
        ("LISTEN", "127.0.0.1:99999", "origin.listen"),
        ("RECORDS_REGION", "atlantis", "origin.records.region: 'atlantis'"),
        ("DELIVERY_BASE", "media.example", "origin.delivery_base: 'media.example'"),
        ("DELIVERY_BASE", "http://media.example/path", "origin.delivery_base"),
        ("UPLOAD_UPLOAD_BYTES_MAX", "none", "origin.upload.upload_bytes_max: 'none' is not a whole number"),
        ("UPLOAD_UPLOAD_BYTES_MAX", "0", "1 or more"),
        ("WIRE_LISTEN", "127.0.0.1:0", "origin.wire_certificate"),
        ("WIRE_SOCKET", "/tmp/" + "x" * 120, "origin.wire_socket"),
        ("TRUSTED_NETWORKS", "10.0.0.0/33", "origin.trusted_networks"),
        ("TRUSTED_NETWORKS", "10.0.0.1/8", "origin.trusted_networks"),
        ("TLS_KEY_FILE", "key.pem", "origin.tls.key_file: needs origin.tls.certificate_file"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_settings(None, {f"DOMICILE_ORIGIN_{name}": value})
    assert said in str(caught.value)


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "domicile.toml"
    file.write_text('[origin]\nlisten = "127.0.0.1:1"\ndemo = true\n[origin.records]\nregion = "eu-fr"\n')
    settings = read_settings(file, {"DOMICILE_ORIGIN_LISTEN": "[::1]:2"})
    assert (settings.listen, settings.demo, settings.records.region) == ("[::1]:2", True, "eu-fr")
    assert settings.api_base == "http://[::1]:2"
    assert settings.secure_base == settings.delivery_base


def test_addresses() -> None:
    assert address("127.0.0.1:80", "x") == ("127.0.0.1", 80)
    assert address("[::1]:80", "x") == ("::1", 80)
    for bad in ("", ":80", "::1:80", "host", "host:", "host:x", "a/b:80"):
        with pytest.raises(BadSetting):
            address(bad, "x")

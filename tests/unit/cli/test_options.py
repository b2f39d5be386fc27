"""`domicile serve` decides once for both tiers; a contradiction is named, not guessed away."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.cli.options import base_of, host_of, refuse_contradictions, serve_settings
from domicile.service.settings import BadSetting


def config(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "domicile.toml"
    file.write_text(text, "utf-8")
    return file


def test_an_option_beats_the_environment_which_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config(tmp_path, '[serve]\nedge = "127.0.0.1:1"\napi = "127.0.0.1:2"\nregion = "eu-fr"\n')
    monkeypatch.setenv("DOMICILE_SERVE_API", "127.0.0.1:3")
    settings = serve_settings(file, region="eu-nl", edge=None)
    assert (settings.edge, settings.api, settings.region) == ("127.0.0.1:1", "127.0.0.1:3", "eu-nl")
    assert settings.data == Path("data")


@pytest.mark.parametrize(
    "name, value",
    [
        ("edge", "nowhere"),
        ("edge", "h:0"),
        ("api", "h:70000"),
        ("region", "moon-base"),
        ("workers", -1),
        ("workers", 65),
    ],
)
def test_a_bad_value_names_the_setting_and_the_value(name: str, value: object) -> None:
    with pytest.raises(BadSetting, match=rf"serve\.{name}.*{value}"):
        serve_settings(None, **{name: value})


@pytest.mark.parametrize("section", ['[edge]\nlisten = "127.0.0.1:9"\n', '[origin.records]\nregion = "eu-fr"\n'])
def test_a_tier_that_contradicts_is_refused_and_the_right_name_is_told(tmp_path: Path, section: str) -> None:
    with pytest.raises(BadSetting, match=r"not allowed with `domicile serve`; set serve\."):
        refuse_contradictions(config(tmp_path, section))


def test_a_variable_of_a_tier_that_contradicts_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_EDGE_LISTEN", "127.0.0.1:9")
    with pytest.raises(BadSetting, match=r"edge\.listen"):
        refuse_contradictions(None)


def test_a_certificate_makes_the_addresses_https() -> None:
    plain, tls = serve_settings(None), serve_settings(None, tls_cert=Path("tls.pem"))
    assert [base_of(one, "0.0.0.0:80") for one in (plain, tls)] == ["http://127.0.0.1:80", "https://127.0.0.1:80"]


def test_other_settings_of_the_tiers_are_left_to_them(tmp_path: Path) -> None:
    file = config(tmp_path, "[edge.cache]\nram_bytes_max = 1\n")
    refuse_contradictions(file)
    assert serve_settings(file).workers == 0


@pytest.mark.parametrize(
    "address, host",
    [
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::]:80", "[::1]:80"),
        ("[fd00::1]:80", "[fd00::1]:80"),
        ("h.example:1", "h.example:1"),
    ],
)
def test_a_wildcard_is_reached_by_the_loopback(address: str, host: str) -> None:
    assert host_of(address) == host

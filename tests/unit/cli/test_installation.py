"""The verbs find what `domicile serve` laid out, and what a production file puts elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.cli.installation import installation
from domicile.cli.places import admin_socket
from domicile.service.settings import BadSetting

PRODUCTION = """
[edge]
listen = "[::]:9000"
region = "eu-fr"
authorities = ["media.example:9000"]
cache_dir = "/srv/cache"
workers = 3
[edge.cache]
ram_bytes_max = 1
[origin]
admin_socket = "/run/domicile/admin.sock"
listen = "127.0.0.1:9001"
[origin.records]
data = "/srv/data"
keys = "/srv/keys"
region = "eu-fr"
database_url = "postgresql+asyncpg://x@db/domicile"
[origin.upload]
fields_max = 3
"""


@pytest.fixture
def production(tmp_path: Path) -> Path:
    file = tmp_path / "domicile.toml"
    file.write_text(PRODUCTION)
    return file


def test_without_a_file_it_is_the_installation_of_serve(tmp_path: Path) -> None:
    found = installation(None, tmp_path / "data")
    assert (found.data, found.keys) == (tmp_path / "data", tmp_path / "data.keys")
    assert found.cache == tmp_path / "data" / "edge-cache"
    assert found.admin_socket == admin_socket(tmp_path / "data")
    assert (found.edge_base, found.edge_authority, found.edge_region) == ("http://127.0.0.1:8080", "", "eu-de")
    assert found.database_url == ""


def test_a_production_file_says_where_each_tier_keeps_its_things(production: Path) -> None:
    found = installation(production)
    assert (found.data, found.keys, found.cache) == (Path("/srv/data"), Path("/srv/keys"), Path("/srv/cache"))
    assert found.require_admin_socket() == Path("/run/domicile/admin.sock")
    assert found.credentials == Path("/srv/data/cloudinary-url")
    assert (found.edge_base, found.edge_authority) == ("http://[::1]:9000", "media.example:9000")
    assert (found.edge_region, found.origin_region) == ("eu-fr", "eu-fr")
    assert found.database_url == "postgresql+asyncpg://x@db/domicile"


def test_the_environment_beats_the_file_and_the_option_names_an_installation_of_serve(
    production: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOMICILE_ORIGIN_RECORDS_DATA", "/srv/other")
    assert installation(production).data == Path("/srv/other")
    found = installation(production, tmp_path / "data")
    assert found.data == tmp_path / "data"
    assert found.admin_socket == admin_socket(tmp_path / "data")


def test_an_origin_without_an_operators_socket_is_said_by_name(tmp_path: Path) -> None:
    file = tmp_path / "domicile.toml"
    file.write_text('[origin.records]\ndata = "/srv/data"\n')
    with pytest.raises(BadSetting, match=r"origin\.admin_socket: empty is not allowed"):
        installation(file).require_admin_socket()


def test_a_bad_value_of_a_tier_is_named_here_too(tmp_path: Path) -> None:
    file = tmp_path / "domicile.toml"
    file.write_text('[edge]\nlisten = "nonsense"\n')
    with pytest.raises(BadSetting, match=r"edge\.listen: 'nonsense' is not HOST:PORT"):
        installation(file)

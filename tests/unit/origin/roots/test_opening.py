"""Settings of the store of roots: what is wrong is said at start, by its name; secrets are in files of their owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domicile.service.settings import BadSetting, load
from origin.roots.opening import opened_roots, place_of
from origin.roots.port import RootKind
from origin.roots.secret_file import BadSecretFile, read_secret
from origin.roots.settings import NAME, RootSettings, VaultSettings


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text("fictional\n")
    return file


def vault(secret: Path | None, **changes: Any) -> RootSettings:
    values = {"url": "https://vault.example.org:8200", "place": "eu-de", "token_file": secret, **changes}
    return RootSettings(kind="vault", vault=VaultSettings(**values))


def test_by_default_the_root_is_a_file(tmp_path: Path) -> None:
    roots = opened_roots(RootSettings(), tmp_path, region="eu-de")
    roots.create(1)
    assert (roots.kind_of(1), (tmp_path / "root-1").stat().st_size) == (RootKind.FILE, 32)
    assert place_of(RootSettings()) is None


@pytest.mark.parametrize("kind, missing", [("pkcs11", "pkcs11.module"), ("vault", "vault.url")])
def test_a_store_that_is_wanted_has_to_be_named(tmp_path: Path, kind: str, missing: str) -> None:
    with pytest.raises(BadSetting, match=f"{NAME}.{missing}: empty is not allowed"):
        opened_roots(RootSettings(kind=kind), tmp_path, region="eu-de")


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"place": ""}, r"vault\.place: '' does not lie in 'eu-de'"),
        ({"place": "us-east"}, r"vault\.place: 'us-east' does not lie in 'eu-de'"),
        ({"url": "http://vault.example.org:8200"}, r"vault\.url: .* has no TLS"),
        ({"authority": Path("/nowhere/ca.pem")}, r"vault\.authority"),
        ({"token_file": None}, r"vault\.token_file: empty is not allowed"),
        ({"token_file": Path("/nowhere/token")}, r"vault\.token_file: .* cannot be read"),
    ],
)
def test_what_is_wrong_with_a_vault_is_said_by_its_name(
    tmp_path: Path, secret: Path, changes: dict[str, Any], why: str
) -> None:
    opened_roots(vault(secret), tmp_path, region="eu-de")
    with pytest.raises(BadSetting, match=why):
        opened_roots(vault(secret, **changes), tmp_path, region="eu-de")


@pytest.mark.parametrize(
    "url", ["vault.example.org", "https://vault.example.org/v1", "ftp://vault.example.org", "https://"]
)
def test_a_url_is_scheme_and_authority_alone(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadSetting, match=r"vault\.url"):
        load(RootSettings, "root", environ={}, overrides={"root.vault.url": url})


def test_a_secret_is_one_line_for_its_owner_alone(secret: Path) -> None:
    assert read_secret(secret) == "fictional"
    for content in ("", "\n", "two\nlines\n", "x" * 5000):
        secret.write_text(content)
        with pytest.raises(BadSecretFile, match="one line") as bad:
            read_secret(secret)
        assert "two" not in str(bad.value)
    secret.chmod(0o640)
    with pytest.raises(BadSecretFile, match="0600"):
        read_secret(secret)

"""Where roots of the keyring lie; `origin/records/settings.py` composes it under `origin.records.root`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from domicile.service.settings import group, setting
from origin.roots.port import RootKind

NAME = "origin.records.root"
_BASE = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")
_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """A PKCS#11 token."""

    module: Path | None = setting(
        None, "The token's PKCS#11 library, like /usr/lib/softhsm/libsofthsm2.so; empty: there is no token."
    )
    token: str = setting("domicile", "Label of the token.")
    pin_file: Path | None = setting(None, "File with the user PIN, readable by its owner alone.")
    seconds_max: float = setting(
        20.0, "How long the token may take for one step; then its process is ended, and it counts as away.", at_least=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """The transit engine of a Vault."""

    url: str = setting(
        "",
        "https://HOST[:PORT] of HashiCorp Vault or OpenBao; http only on this machine. Empty: there is none.",
        check=lambda url: not url or _BASE.fullmatch(url),
        like="a URL like https://vault.example.org:8200",
    )
    mount: str = setting(
        "transit", "Path at which the transit engine is mounted.", check=_PATH.fullmatch, like="a path like transit"
    )
    namespace: str = setting(
        "", "Namespace, where there are some.", check=lambda text: not text or _PATH.fullmatch(text), like="a path"
    )
    place: str = setting(
        "", "The legal place where it keeps keys: in `origin.records.region`, and in every policy's `zones.keys`."
    )
    token_file: Path | None = setting(
        None, "File with the token, readable by its owner alone. It is read for each call: an agent may renew it."
    )
    authority: Path | None = setting(
        None, "PEM file with the certificate authorities that are believed; empty: the usual ones."
    )
    connect_seconds_max: float = setting(5.0, "How long a connection may take to open.", at_least=0.1)
    seconds_max: float = setting(
        20.0, "How long one call may take, all tries and the pauses between them included.", at_least=0.5
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RootSettings:
    """The store of new roots. When it becomes another one, the next start moves the keyring there."""

    kind: str = setting(
        "file",
        "Where the root key of the keyring lies ([how](keys.md)): `file`, a `pkcs11` token, or a `vault`.",
        choices=tuple(map(str, RootKind)),
    )
    pkcs11: TokenSettings = group(TokenSettings)
    vault: VaultSettings = group(VaultSettings)

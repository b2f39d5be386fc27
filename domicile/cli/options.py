"""Options that several verbs share, and the settings behind them: option > environment > file > default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.media.policy import zones_of
from domicile.service.settings import ENVIRONMENT_PREFIX, BadSetting, load, setting

Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings (docs/settings.md).")]
Data = Annotated[Path | None, typer.Option("--data", help="Data directory of the installation.", show_default="./data")]

PublicId = Annotated[str | None, typer.Option("--public-id", help="Exactly this name, in every type.")]
AssetId = Annotated[str | None, typer.Option("--asset-id", help="One asset.")]
Tag = Annotated[str | None, typer.Option("--tag", help="Assets that carry this tag now.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="A path, cut at slashes.")]
Url = Annotated[str | None, typer.Option("--url", help="A delivery URL, or its path.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Assets whose subject_ids name this person.")]
Search = Annotated[str | None, typer.Option("--search", help="Assets that this search expression is true of.")]
Everything = Annotated[
    str | None, typer.Option("--tenant", help="Everything of the cloud: its name, as the proof that it is meant.")
]
"""Selectors, of which a call has one."""

HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/\s]+):([0-9]{1,5})")
PORT_MAX = 65535
HOST_PORT_LIKE = f"HOST:PORT like 127.0.0.1:8080 or [::1]:8080, with a port from 1 to {PORT_MAX}"
REGION_LIKE = "a region like eu-de, eu-fr-1 or us-east"
WORKERS_MAX = 64


def is_host_port(text: str) -> bool:
    match = HOST_PORT.fullmatch(text)
    return match is not None and 0 < int(match[2]) <= PORT_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What `domicile serve` needs to know about both tiers; everything else is each tier's own."""

    data: Path = setting(Path("data"), "Directory of this installation; its keys lie beside it, in DATA.keys.")
    edge: str = setting("127.0.0.1:8080", "HOST:PORT for viewers.", check=is_host_port, like=HOST_PORT_LIKE)
    api: str = setting(
        "127.0.0.1:8081", "HOST:PORT of the Upload and Admin API.", check=is_host_port, like=HOST_PORT_LIKE
    )
    region: str = setting("eu-de", "The legal place where this machine stands.", check=zones_of, like=REGION_LIKE)
    workers: int = setting(
        0, "Worker processes of the edge; 0 means one for each processor.", at_least=0, at_most=WORKERS_MAX
    )
    tls_cert: Path | None = setting(
        None, "PEM file of a certificate, and its chain, for TLS at both addresses; empty: no TLS."
    )
    tls_key: Path | None = setting(None, "PEM file of the private key of `tls_cert`; empty: it is in there.")
    start_seconds_max: float = setting(60.0, "How long the tiers may take to be ready.", at_least=1, at_most=3600)
    drain_seconds_max: float = setting(
        25.0, "How long the tiers may take to end after Ctrl-C before they are killed.", at_least=0, at_most=3600
    )


SAME_AS: Mapping[str, tuple[str, ...]] = {
    "serve.data": (
        "edge.data_dir",
        "edge.origin.base",
        "origin.records.data",
        "origin.wire_socket",
        "origin.admin_socket",
    ),
    "serve.edge": ("edge.listen",),
    "serve.api": ("origin.listen",),
    "serve.region": ("edge.region", "origin.records.region"),
    "serve.workers": ("edge.workers",),
    "serve.tls_cert": ("edge.tls.certificate_file", "origin.tls.certificate_file"),
    "serve.tls_key": ("edge.tls.key_file", "origin.tls.key_file"),
}
"""Settings of the tiers that `domicile serve` decides for both, so that they cannot disagree."""


def serve_settings(config: Path | None, **options: Any) -> ServeSettings:
    """Read the [serve] section. Raises BadSetting."""
    given = {f"serve.{name}": value for name, value in options.items() if value is not None}
    return load(ServeSettings, "serve", file=config, environ=os.environ, overrides=given)


def base_of(settings: ServeSettings, address: str) -> str:
    """The URL by which this machine reaches an address of both tiers."""
    return f"{scheme_of(settings.tls_cert)}://{host_of(address)}"


def scheme_of(certificate: Path | None) -> str:
    return "http" if certificate is None else "https"


def refuse_contradictions(config: Path | None) -> None:
    """What `domicile serve` decides for both tiers, neither may decide for itself. Raises BadSetting."""
    tree = _tree(config)
    for ours, theirs in SAME_AS.items():
        for name in theirs:
            if _is_set(name, tree):
                raise BadSetting(f"{name}: not allowed with `domicile serve`; set {ours} instead")


def _tree(config: Path | None) -> dict[str, Any]:
    return tomllib.loads(config.read_text("utf-8")) if config is not None else {}  # `load` has read it before


def _is_set(name: str, tree: Mapping[str, Any]) -> bool:
    if ENVIRONMENT_PREFIX + name.upper().replace(".", "_") in os.environ:
        return True
    node: Any = tree
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def host_of(address: str) -> str:
    """How a browser on this machine reaches a listening address: a wildcard becomes the loopback."""
    match = HOST_PORT.fullmatch(address)
    assert match is not None, address
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(match[1], match[1])  # noqa: S104 — compared, not bound
    return f"{host}:{match[2]}"

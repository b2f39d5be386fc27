"""Where the installation is that a verb talks to: what `domicile serve` laid out, or what a production file says.

A production file (`[origin]`, `[edge]`) starts the tiers apart, each with paths of its own. The verbs read the few of the
tiers' settings that tell them where to knock; a tier's own section beats what [serve] says, and --data beats both, for it
names an installation of `domicile serve`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from domicile.cli.options import HOST_PORT, HOST_PORT_LIKE, ServeSettings, base_of, host_of, scheme_of, serve_settings
from domicile.cli.places import admin_socket, credentials_file, keys_directory
from domicile.service.settings import BadSetting, group, load, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """Of origin/records/settings.py, what the verbs need; None: not set, and the tier's default holds."""

    data: Path | None = setting(None, "")
    keys: Path | None = setting(None, "")
    region: str | None = setting(None, "")
    database_url: str = setting("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Of origin/settings.py."""

    admin_socket: Path | None = setting(None, "")
    records: _Records = group(_Records)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tls:
    certificate_file: Path | None = setting(None, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """Of edge/delivery_settings.py."""

    private_hosts: tuple[str, ...] = setting((), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """Of edge/settings.py."""

    tls: _Tls = group(_Tls)
    delivery: _Delivery = group(_Delivery)

    listen: str | None = setting(None, "", check=HOST_PORT.fullmatch, like=HOST_PORT_LIKE)
    region: str | None = setting(None, "")
    authorities: tuple[str, ...] = setting((), "")
    data_dir: Path | None = setting(None, "")
    cache_dir: Path | None = setting(None, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Paths are absolute."""

    data: Path
    keys: Path
    cache: Path
    database_url: str
    """Of PostgreSQL; empty: SQLite in `data`."""
    origin_region: str
    edge_region: str
    edge_base: str
    """URL by which this machine reaches the edge."""
    edge_authority: str
    """The name by which the edge knows itself; empty: that of `edge_base`."""
    private_hosts: tuple[str, ...]
    """HOST=CLOUD each: hosts of one cloud alone that edges of this configuration serve."""
    admin_socket: Path | None
    """None: this configuration gives the origin no such socket."""

    @property
    def credentials(self) -> Path:
        return credentials_file(self.data)

    @property
    def policies(self) -> Path:
        return self.data / "policies"

    def require_admin_socket(self) -> Path:
        """Raises BadSetting."""
        if self.admin_socket is None:
            raise BadSetting(
                "origin.admin_socket: empty is not allowed for this command; allowed: the path of a socket, "
                "in the configuration with which the origin was started"
            )
        return self.admin_socket


def installation(config: Path | None, data: Path | None = None) -> Installation:
    """Read FILE and the environment; `data` is the option --data. Raises BadSetting."""
    serve = serve_settings(config, data=data)
    origin = load(_Origin, "origin", file=config, environ=os.environ, partial=True)
    edge = load(_Edge, "edge", file=config, environ=os.environ, partial=True)
    records = origin.records
    apart = data is None and (records.data is not None or origin.admin_socket is not None)
    place = (data or records.data or serve.data).absolute()
    cache = edge.cache_dir or (data or edge.data_dir or place) / "edge-cache"
    return Installation(
        data=place,
        keys=(records.keys or keys_directory(place)).absolute(),
        cache=cache.absolute(),
        database_url=records.database_url,
        origin_region=records.region or serve.region,
        edge_region=edge.region or serve.region,
        edge_base=_edge_base(edge, credentials_file(place), serve),
        edge_authority=next(iter(edge.authorities), ""),
        private_hosts=edge.delivery.private_hosts,
        admin_socket=_absolute(origin.admin_socket) if apart else admin_socket(place),
    )


def _edge_base(edge: _Edge, credentials: Path, serve: ServeSettings) -> str:
    if edge.listen:
        return f"{scheme_of(edge.tls.certificate_file)}://{host_of(edge.listen)}"
    return written_edge(credentials) or base_of(serve, serve.edge)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def written_edge(credentials: Path) -> str | None:
    """The address at which the installation delivers, as its origin has written it down; None when it has not."""
    try:
        options = parse_qs(urlsplit(credentials.read_text("utf-8").strip()).query)
    except OSError:
        return None
    for name, scheme in (("cname", "http"), ("secure_distribution", "https")):
        if name in options:
            return f"{scheme}://{options[name][0]}"
    return None

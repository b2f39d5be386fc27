"""What can be set at an edge node. `python -m edge --config FILE` reads the section `[edge]`."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from pathlib import Path

from domicile.media.policy import zones_of
from domicile.service.networks import INSIDE, NETWORKS_LIKE, are_networks
from domicile.service.pool_settings import PoolSettings
from domicile.service.settings import KIB, BadSetting, Secret, group, setting
from edge.cdn_settings import LISTEN_LIKE, CdnSettings, is_listen
from edge.connection_settings import ConnectionSettings
from edge.delivery_settings import CacheSettings, DeliverySettings, MediaSettings
from edge.page import SLOTS_MAX
from edge.passthrough.settings import PassthroughSettings
from edge.tier_settings import TierSettings

UNIX_PATH_BYTES_MAX = 90
"""Longest directory in which sockets fit (the kernel's limit is 107 bytes for the whole path)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OriginSettings:
    """The way to the origin."""

    base: str = setting(
        "unix:data/run/origin.sock",
        "Where the origin's wire answers: unix:PATH, or https://HOST[:PORT] with a client certificate.",
        check=re.compile(r"unix:.+|https://[A-Za-z0-9.-]+(:[0-9]+)?").fullmatch,
        like="unix:PATH or https://HOST[:PORT]",
    )
    ca_file: Path | None = setting(None, "PEM file of the authority that signs the origin's certificate (https only).")
    certificate_file: Path | None = setting(None, "PEM file of this node's certificate, bound to its region.")
    key_file: Path | None = setting(None, "PEM file of the private key of `certificate_file`.")
    key_password: Secret | None = setting(None, "Password of `key_file`.")
    connect_seconds_max: float = setting(2.0, "Longest wait for a connection to the origin.", at_least=0.01)
    read_seconds_max: float = setting(10.0, "Longest wait for the next bytes of an answer.", at_least=0.01)
    connections_max: int = setting(64, "Connections of one process to the origin.", at_least=1, at_most=4096)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The node's own processes."""

    ready_seconds_max: float = setting(20.0, "After this long without being ready, say why.", at_least=0.1)
    drain_seconds_max: float = setting(15.0, "Time for open responses to end after SIGTERM.", at_least=0.0)
    replace_seconds_max: float = setting(
        120.0, "A restart waits so long for a replaced worker to serve; then it stops, and says so.", at_least=0.1
    )
    recycle_seconds: float = setting(
        30.0,
        "So long after an erasure workers are replaced one after the other, as by SIGHUP, so that nothing of what was erased stays"
        " in the memory of a process; 0: never, and nothing is claimed of memory then.",
        at_least=0.0,
    )
    recycle_drain_seconds_max: float = setting(
        600.0,
        "When a worker is replaced after an erasure and others serve: time for its open responses, of other pictures, to end. It accepts"
        " nothing more and has dropped what it kept; one worker at a time, and nothing is claimed of memory before it has gone. A node"
        " of one worker has `drain_seconds_max`.",
        at_least=0.0,
    )
    drain_idle_seconds: float = setting(
        1.0,
        "At a stop, and when a worker is replaced: how long a connection that is idle may still ask; its answer says that the"
        " connection ends.",
        at_least=0.0,
    )
    keyring_keys_max: int = setting(200_000, "Content keys the agent keeps in memory.", at_least=1)
    objects_max: int = setting(2_000_000, "Rows of the register of cached objects.", at_least=1)
    locked_seconds_max: float = setting(
        600.0, "After a lost lease, wrapped keys are kept this long and then dropped.", at_least=0.0
    )
    stock_seconds: float = setting(
        3600.0, "How often the origin is told of which versions there are files on this node's disk.", at_least=1.0
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PurgeSettings:
    """The door for signed purges."""

    body_bytes_max: int = setting(64 * KIB, "Largest body of a purge call.", at_least=1, at_most=1024 * KIB)
    body_seconds_max: float = setting(10.0, "Longest time that the body of a purge call may take.", at_least=0.1)
    per_second: float = setting(20.0, "Purge calls a second that this node relays.", at_least=0.01)
    burst: int = setting(40, "Purge calls that may come at once.", at_least=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS for viewers. A restart of the workers (SIGHUP) takes new files."""

    certificate_file: Path | None = setting(
        None, "PEM file of the certificate, and its chain, for TLS on `edge.listen`; empty: no TLS."
    )
    key_file: Path | None = setting(None, "PEM file of the private key of `certificate_file`; empty: it is in there.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """One edge node."""

    listen: str = setting(
        "127.0.0.1:8080",
        "Address and port for viewers; port 0 takes a free one.",
        check=is_listen,
        like=LISTEN_LIKE,
    )
    region: str = setting(
        "eu-de", "The legal place this node stands in.", check=zones_of, like="a region like eu-de, eu-fr-1 or us-east"
    )
    workers: int = setting(0, "Worker processes; 0 means one for each processor.", at_least=0, at_most=SLOTS_MAX)
    authorities: tuple[str, ...] = setting(
        (), "HOST[:PORT] names viewers reach this node by; empty means the listening address."
    )
    data_dir: Path = setting(Path("data"), "Directory of this installation.")
    cache_dir: Path | None = setting(None, "Directory of the disk tier; empty means DATA/edge-cache.")
    run_dir: Path | None = setting(
        None, "Directory of sockets; empty means DATA/run/edge, or a temporary one if too long."
    )
    origin: OriginSettings = group(OriginSettings)
    node: NodeSettings = group(NodeSettings)
    purge: PurgeSettings = group(PurgeSettings)
    cache: CacheSettings = group(CacheSettings)
    connections: ConnectionSettings = group(ConnectionSettings)
    delivery: DeliverySettings = group(DeliverySettings)
    media: MediaSettings = group(MediaSettings)
    tls: TlsSettings = group(TlsSettings)
    cdn: CdnSettings = group(CdnSettings)
    tier: TierSettings = group(TierSettings)
    passthrough: PassthroughSettings = group(PassthroughSettings)
    pool: PoolSettings = group(PoolSettings)
    metrics_networks: tuple[str, ...] = setting(
        INSIDE,
        "Networks from which /metrics may be read, and not through a proxy (one that says so in Via, Forwarded, X-Forwarded-For or"
        " CDN-Loop); everybody else gets 404.",
        check=are_networks,
        like=NETWORKS_LIKE,
    )
    log_lines_per_second_max: int = setting(
        50,
        "Log lines of one event that a process writes a second; the others are counted, and the next line says how many.",
        at_least=1,
    )
    log_level: str = setting("info", "Least level of log lines.", choices=("debug", "info", "warning", "error"))

    def validate(self) -> None:
        """What one field alone cannot tell. Raises BadSetting."""
        if self.origin.base.startswith("https:") and self.origin.certificate_file is None:
            raise BadSetting(
                f"edge.origin.certificate_file: empty is not allowed with edge.origin.base {self.origin.base!r};"
                " allowed: the PEM file of this node's certificate"
            )
        if self.tls.key_file is not None and self.tls.certificate_file is None:
            raise BadSetting("edge.tls.key_file: needs edge.tls.certificate_file")
        self.cdn.validate()
        self.tier.validate()

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def cache_path(self) -> Path:
        return (self.cache_dir or self.data_dir / "edge-cache").absolute()

    @property
    def run_path(self) -> Path:
        """Where sockets and the shared page are. The same for all processes of one node."""
        wanted = (self.run_dir or self.data_dir / "run" / "edge").absolute()
        if len(os.fsencode(wanted)) <= UNIX_PATH_BYTES_MAX:
            return wanted
        if self.run_dir is not None:
            raise BadSetting(f"edge.run_dir: {str(wanted)!r} is not a path of at most {UNIX_PATH_BYTES_MAX} bytes")
        return short_directory(wanted)

    @property
    def page_path(self) -> Path:
        return self.run_path / "page"

    @property
    def agent_socket(self) -> Path:
        return self.run_path / "agent.sock"

    def worker_socket(self, slot: int) -> Path:
        return self.run_path / f"worker-{slot}.sock"

    @property
    def worker_count(self) -> int:
        """`workers`, with 0 resolved to the number of processors this process may use."""
        return self.workers or min(len(os.sched_getaffinity(0)), SLOTS_MAX)

    def authority_names(self, port: int) -> tuple[str, ...]:
        """Names that a signed purge may give this node when it listens on `port`."""
        if self.authorities:
            return self.authorities
        host = f"[{self.host}]" if ":" in self.host else self.host
        local = ("localhost",) if host in {"127.0.0.1", "[::1]", "0.0.0.0", "[::]"} else ()  # noqa: S104 - compared only
        loopback = ("127.0.0.1",) if host in {"0.0.0.0", "[::]"} else ()  # noqa: S104 - compared only
        return tuple(f"{name}:{port}" for name in (host, *local, *loopback))


def short_directory(wanted: Path) -> Path:
    """A short directory that stands for a path too long for sockets: the same for every process of the same user."""
    import hashlib

    digest = hashlib.blake2b(os.fsencode(wanted), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir()) / f"domicile-{os.getuid()}-{digest}"

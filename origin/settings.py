"""The origin's settings: composed once from the parts that own them, read from TOML, environment and command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domicile.imaging.job import MediaLimits
from domicile.media.policy import zones_of
from domicile.media.remote import read_entry
from domicile.service.gate.remote import RemoteLimits
from domicile.service.networks import INSIDE, NETWORKS_LIKE, are_networks
from domicile.service.pool_settings import PoolSettings
from domicile.service.settings import MIB, BadSetting, group, load, setting
from origin.records import RecordsSettings
from origin.subject_settings import SubjectSettings

PREFIX = "origin"
SOCKET_PATH_BYTES_MAX = 100
"""Linux allows 108 bytes in sun_path; the rest is for temporary names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    """Limits on what a caller may send; each is checked while the body streams in."""

    upload_bytes_max: int = setting(
        100 * MIB,
        "Bytes of one uploaded picture; also of any file that comes before the parameters that prove who sends it.",
        at_least=1,
    )
    raw_bytes_max: int = setting(4 * 1024 * MIB, "Bytes of one uploaded raw file.", at_least=1)
    video_bytes_max: int = setting(4 * 1024 * MIB, "Bytes of one uploaded video or sound.", at_least=1)
    fields_max: int = setting(200, "Fields of one upload form, or parameters of one call.", at_least=1)
    field_bytes_max: int = setting(256 * 1024, "Bytes of one text field of a form.", at_least=1)
    body_bytes_max: int = setting(
        MIB,
        "Bytes of all parameters of one call: of a JSON or urlencoded body, of a form without its file.",
        at_least=1,
    )
    in_flight_bytes_max: int = setting(
        400 * MIB,
        "Bytes of files held in memory at once: small ones, and pictures that are looked at; above it, callers get 429.",
        at_least=1,
    )
    unsigned_bytes_max: int = setting(
        20 * MIB, "Bytes of one file that is uploaded without a signature, through a preset.", at_least=1
    )
    unsigned_calls_max: int = setting(
        1000, "Uploads without a signature into one cloud in an hour; above it, callers get 429.", at_least=1
    )
    archive_bytes_max: int = setting(
        4 * 1024 * MIB,
        "Bytes of all originals in one archive that is downloaded; one that is kept is a file.",
        at_least=1,
    )
    archives_max: int = setting(2, "Archives that are being made at once; above it, callers get 429.", at_least=1)
    body_seconds_max: float = setting(
        300.0,
        "How long one upload's body may take to arrive, and how long nothing of it may come; a file may take longer, at"
        " `body_bytes_per_second_min`.",
        at_least=1,
    )
    body_bytes_per_second_min: int = setting(
        256 * 1024, "The slowest pace of a file that takes longer than `body_seconds_max`.", at_least=1
    )

    def file_bytes_max(self, resource_type: str) -> int:
        """Of a file that is to become an asset of this type; of any, where its first bytes will tell (`auto`)."""
        most = {"image": self.upload_bytes_max, "raw": self.raw_bytes_max, "video": self.video_bytes_max}
        return most.get(resource_type) or max(most.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Bounds on fetching pictures from elsewhere; which hosts, and for whom, is the policies' matter."""

    connect_seconds_max: float = setting(5.0, "How long a connection elsewhere may take to open.", at_least=0.1)
    read_seconds_max: float = setting(10.0, "How long nothing may come from elsewhere.", at_least=0.1)
    seconds_max: float = setting(30.0, "Longest time of one fetch, redirects included.", at_least=0.1)
    redirects_max: int = setting(
        3, "Redirects that one fetch follows; each is judged like the first address.", at_least=0
    )
    wait_seconds_max: float = setting(
        4.0,
        "How long a viewer's request waits for a fetch, below the edges' read time-out; then 503, and the fetch goes on.",
        at_least=0.1,
    )
    assets_max: int = setting(100_000, "Pictures of type fetch that one cloud may have.", at_least=1)
    fetches_max: int = setting(16, "Fetches at a time; for the next, callers get 429 and viewers 503.", at_least=1)
    private_hosts: str = setting(
        "",
        "Hosts, each spelled out, that may lie on this machine or in a private network, also to be told of changes: for an"
        " intranet, or a test. The policy has to list them, too.",
    )
    authority: Path | None = setting(
        None,
        "PEM file with the certificate authorities that are believed, also of receivers of notifications, instead of the"
        " system's; empty: the system's.",
    )

    @property
    def private(self) -> frozenset[str]:
        """Raises BadSetting."""
        hosts = [text.strip() for text in self.private_hosts.split(",") if text.strip()]
        entries = [read_entry(host) for host in hosts]
        for text, entry in zip(hosts, entries, strict=True):
            if entry is None or entry.below or entry.port is not None:
                raise BadSetting(f"origin.remote.private_hosts: {text!r} is not a host like images.example.org")
        return frozenset(entry.host for entry in entries if entry is not None)

    def limits(self) -> RemoteLimits:
        return RemoteLimits(
            connect_seconds_max=self.connect_seconds_max,
            read_seconds_max=self.read_seconds_max,
            seconds_max=self.seconds_max,
            redirects_max=self.redirects_max,
            fetches_max=self.fetches_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """Bounds on telling of changes (webhooks); who may be told is the policies' matter."""

    connect_seconds_max: float = setting(5.0, "How long a connection to a receiver may take to open.", at_least=0.1)
    seconds_max: float = setting(10.0, "How long a receiver may take to answer, connection included.", at_least=0.1)
    sends_max: int = setting(16, "Notifications under way at once, of all clouds; the next ones wait.", at_least=1)
    sends_per_cloud_max: int = setting(4, "Notifications of one cloud under way at once.", at_least=1)

    def limits(self) -> RemoteLimits:
        return RemoteLimits(
            connect_seconds_max=self.connect_seconds_max,
            read_seconds_max=self.seconds_max,
            seconds_max=self.seconds_max,
            redirects_max=0,
            fetches_max=self.sends_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """Bounds on untrusted media, checked when an upload is decoded."""

    source_pixels_max: int = setting(120_000_000, "Pixels of one frame of an original.", at_least=1)
    side_pixels_max: int = setting(32_768, "Pixels of the longer side of an original.", at_least=1)
    frames_max: int = setting(1000, "Frames of an animation.", at_least=1)
    animation_pixels_max: int = setting(200_000_000, "Frames x width x height of an animation.", at_least=1)
    metadata_bytes_max: int = setting(8 * MIB, "Decompressed metadata that a decoder may hold.", at_least=1)
    chunks_max: int = setting(
        100_000, "Chunks of a PNG or WebP, boxes of an AVIF, entries, strips and tiles of a TIFF.", at_least=100
    )
    inflated_chunks_max: int = setting(64, "Compressed text and profile chunks of a PNG.", at_least=1)
    scans_max: int = setting(100, "Scans of a progressive JPEG.", at_least=1)
    scan_pixels_max: int = setting(
        2_000_000_000, "Scans x width x height of a progressive JPEG: each scan visits all pixels again.", at_least=1
    )
    rle_pixels_max: int = setting(8_000_000, "Pixels of a run-length coded BMP.", at_least=1)
    working_bytes_max: int = setting(
        448 * MIB,
        "Bytes of pixels that a decoder process may hold at a time, by estimate; more is refused.",
        at_least=1,
    )

    def limits(self, upload: UploadSettings) -> MediaLimits:
        """The limits as the decoder processes take them."""
        return MediaLimits(source_bytes_max=upload.upload_bytes_max, **asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS for the API. SIGHUP takes new files."""

    certificate_file: Path | None = setting(
        None, "PEM file of the certificate, and its chain, for TLS on `origin.listen`; empty: no TLS."
    )
    key_file: Path | None = setting(None, "PEM file of the private key of `certificate_file`; empty: it is in there.")
    handshake_seconds_max: float = setting(10.0, "Longest time of a TLS handshake.", at_least=0.1)
    handshakes_max: int = setting(
        256, "TLS handshakes under way; connections beyond them are closed at once.", at_least=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginSettings:
    """Everything the origin reads from outside."""

    listen: str = setting("127.0.0.1:8081", "HOST:PORT of the Upload and Admin API.")
    tls: TlsSettings = group(TlsSettings)
    public_base: str = setting(
        "",
        "URL by which clients reach the API (goes into `upload_prefix`); empty: `listen`, with https:// where there is TLS.",
    )
    delivery_base: str = setting("http://127.0.0.1:8080", "URL of the edge, for `url` in answers.")
    delivery_secure_base: str = setting("", "URL for `secure_url` in answers; empty: `delivery_base`.")
    demo: bool = setting(False, "Create the cloud `demo` with a sample photo when the data directory is new.")
    signature_v1: bool = setting(
        True, "Accept signatures of version 1 even where a value contains '&' (old SDKs; version 2 stops smuggling)."
    )
    trusted_networks: str = setting(
        "127.0.0.0/8, ::1/128",
        "Networks from which Basic credentials may erase by tag, prefix or URL; add a TLS proxy's, which sets"
        " X-Forwarded-Proto.",
    )
    metrics_networks: tuple[str, ...] = setting(
        INSIDE,
        "Networks from which /metrics may be read, and not through a proxy (one that says so in Via, Forwarded, X-Forwarded-For or"
        " CDN-Loop); everybody else gets 404.",
        check=are_networks,
        like=NETWORKS_LIKE,
    )
    wire_socket: Path | None = setting(None, "UNIX socket (mode 0600) for edges of this machine; empty: none.")
    admin_socket: Path | None = setting(
        None, "UNIX socket (mode 0600) for the operator's commands (`domicile tenant`, `domicile key`); empty: none."
    )
    wire_listen: str = setting("", "HOST:PORT for edges elsewhere, TLS with client certificates; empty: none.")
    wire_certificate: Path | None = setting(
        None, "PEM file with this origin's certificate chain; SIGHUP takes a new one, and a new key."
    )
    wire_key: Path | None = setting(None, "PEM file with the private key of `wire_certificate`.")
    wire_authority: Path | None = setting(None, "PEM file with the CA that signs edges' zone certificates.")
    admin_calls_max: int = setting(
        100_000,
        "Admin API calls of one cloud in an hour; above it, callers get 429 until the hour is over.",
        at_least=1,
    )
    drain_seconds_max: float = setting(10.0, "How long running requests may take to end at shutdown.", at_least=0)
    ready_file: Path | None = setting(None, "File to write once requests are accepted; empty: only a line on stdout.")
    log_level: str = setting("info", "Least level of log lines.", choices=("debug", "info", "warning", "error"))
    records: RecordsSettings = group(RecordsSettings)
    upload: UploadSettings = group(UploadSettings)
    media: MediaSettings = group(MediaSettings)
    remote: RemoteSettings = group(RemoteSettings)
    notices: NoticeSettings = group(NoticeSettings)
    subjects: SubjectSettings = group(SubjectSettings)
    pool: PoolSettings = group(PoolSettings)

    @property
    def api_base(self) -> str:
        scheme = "http" if self.tls.certificate_file is None else "https"
        return self.public_base or f"{scheme}://{self.listen}"

    @property
    def secure_base(self) -> str:
        return self.delivery_secure_base or self.delivery_base

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Raises BadSetting."""
        texts = [text.strip() for text in self.trusted_networks.split(",") if text.strip()]
        try:
            return tuple(ip_network(text) for text in texts)
        except ValueError as bad:
            raise BadSetting(f"origin.trusted_networks: {bad}; allowed are networks like 10.0.0.0/8") from bad

    @property
    def delivery_hosts(self) -> frozenset[str]:
        """HOST[:PORT] of the URLs in answers."""
        return frozenset(urlsplit(base).netloc for base in (self.delivery_base, self.secure_base))

    def validate(self) -> None:
        """What one field alone cannot tell. Raises BadSetting."""
        address(self.listen, "origin.listen")
        if self.tls.key_file is not None and self.tls.certificate_file is None:
            raise BadSetting("origin.tls.key_file: needs origin.tls.certificate_file")
        _ = self.networks
        _ = self.remote.private
        if not zones_of(self.records.region):
            raise BadSetting(f"origin.records.region: {self.records.region!r} is not a region like eu-de or eu-de-1")
        for name in ("public_base", "delivery_base", "delivery_secure_base"):
            _check_base(name, getattr(self, name))
        if self.wire_listen:
            address(self.wire_listen, "origin.wire_listen")
            for name in ("certificate", "key", "authority"):
                if getattr(self, "wire_" + name) is None:
                    raise BadSetting(f"origin.wire_{name}: empty is not allowed with origin.wire_listen")
        if self.wire_socket is not None and len(os.fsencode(self.wire_socket)) > SOCKET_PATH_BYTES_MAX:
            raise BadSetting(f"origin.wire_socket: {str(self.wire_socket)!r} is not a path of at most 100 bytes")


def address(text: str, name: str) -> tuple[str, int]:
    """HOST:PORT, with IPv6 hosts in brackets. Raises BadSetting."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise BadSetting(f"{name}: {text!r} is not HOST:PORT")
    return match[1].strip("[]"), int(match[2])


def _check_base(name: str, url: str) -> None:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.path.strip("/")):
        raise BadSetting(f"origin.{name}: {url!r} is not a URL like https://media.example.org")


def read_settings(
    file: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> OriginSettings:
    """Settings of one origin process. Raises BadSetting, whose text names the setting."""
    settings = load(OriginSettings, PREFIX, file=file, environ=environ, overrides=overrides)
    settings.validate()
    return settings

"""The settings of a bucket, and what they have to say before anything is stored in it. Decides, and connects nowhere."""

from __future__ import annotations

import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from domicile.media.policy import zones_of
from domicile.service.buckets import BucketFacts, S3Credentials, S3Limits, S3Where
from domicile.service.networks import is_this_machine
from domicile.service.settings import BadSetting, Secret, blamed, setting
from origin.store.aws_places import AWS_PLACES

NAME = "origin.records.s3"
CREDENTIALS_FILE = "s3.toml"
CREDENTIALS_BYTES_MAX = 64 * 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_PREFIX = re.compile(r"([a-z0-9][a-z0-9._-]{0,62}/){0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where sealed originals lie, if not on the origin's disk."""

    bucket: str = setting(
        "",
        "Bucket that keeps the sealed originals ([how](storage.md)); empty: they lie in `data`.",
        check=lambda name: not name or _BUCKET.fullmatch(name),
        like="the name of a bucket",
    )
    endpoint: str = setting(
        "", "https://HOST[:PORT] of the S3 service in that region. No other host is ever spoken to."
    )
    region: str = setting(
        "",
        "The service's own name for the region of the bucket, like eu-central-1; another one is refused at start.",
        check=lambda name: not name or _REGION.fullmatch(name),
        like="a name like eu-central-1",
    )
    place: str = setting(
        "",
        "The legal place where the bucket lies: has to be `origin.records.region`. Empty is allowed at AWS, whose regions are"
        " known.",
    )
    prefix: str = setting(
        "",
        "What the names of objects begin with, for a bucket that holds other things, too.",
        check=_PREFIX.fullmatch,
        like="empty, or a text like domicile/",
    )
    owner: str = setting(
        "", "Number of the account that the bucket has to belong to; each request asks for it. Empty: not asked for."
    )
    credentials: Path | None = setting(
        None,
        "TOML file with `access_key`, `secret_key` and, if there is one, `session_token`, readable by its owner alone; empty:"
        " `s3.toml` in `origin.records.keys`. The next two settings come first.",
    )
    access_key: Secret | None = setting(None, "Name of the key, best by its environment variable.")
    secret_key: Secret | None = setting(None, "The key itself, best by its environment variable.")
    authority: Path | None = setting(
        None, "PEM file with the certificate authorities that are believed; empty: the usual ones."
    )
    plain_http: bool = setting(
        False, "Accept an endpoint without TLS that is not on this machine, in a network of your own."
    )
    connect_seconds_max: float = setting(5.0, "How long a connection may take to open.", at_least=0.1)
    read_seconds_max: float = setting(20.0, "How long nothing may come.", at_least=0.1)
    seconds_max: float = setting(
        60.0, "How long one request may take, all tries and pauses included; then callers get 500 or 503.", at_least=0.5
    )
    connections_max: int = setting(32, "Connections open at once.", at_least=1)
    puts_max: int = setting(
        8, "Originals on their way into the bucket at once, each with up to 24 MiB in memory; more wait.", at_least=1
    )
    leftover_seconds_max: float = setting(
        86_400.0,
        "Age at which an upload in parts that nobody finished is dropped at start; longer than any upload takes.",
        at_least=0,
    )

    @property
    def is_on(self) -> bool:
        return bool(self.bucket)

    def limits(self) -> S3Limits:
        return S3Limits(
            connect_seconds_max=self.connect_seconds_max,
            read_seconds_max=self.read_seconds_max,
            seconds_max=self.seconds_max,
            connections_max=self.connections_max,
        )

    def where(self, records_region: str) -> S3Where:
        """Raises BadSetting."""
        _check_endpoint(self.endpoint, plain_http=self.plain_http)
        if not self.region:
            raise BadSetting(
                f"{NAME}.region: empty is not allowed with {NAME}.bucket; allowed: a name like eu-central-1"
            )
        where = S3Where(
            endpoint=self.endpoint.rstrip("/"),
            bucket=self.bucket,
            region=self.region,
            place=records_region,
            owner=self.owner,
        )
        if where.is_aws:
            self._check_aws(where)
        elif not self.place:
            raise BadSetting(
                f"{NAME}.place: empty is not allowed at {self.endpoint!r}; say in which legal place the bucket lies, like eu-de"
            )
        if self.place and self.place != records_region:
            raise BadSetting(
                f"{NAME}.place: the bucket lies in {self.place!r}, and origin.records.region says {records_region!r}"
            )
        return where

    def _check_aws(self, where: S3Where) -> None:
        host = urlsplit(where.endpoint).hostname or ""
        if self.region not in host.split("."):
            raise BadSetting(
                f"{NAME}.endpoint: {self.endpoint!r} is not the endpoint of {self.region!r}; allowed:"
                f" https://s3.{self.region}.amazonaws.com"
            )
        if "." in self.bucket:
            raise BadSetting(f"{NAME}.bucket: {self.bucket!r} has a dot, which no certificate of AWS covers")
        place = AWS_PLACES.get(self.region)
        if place is None and not self.place:
            raise BadSetting(
                f"{NAME}.place: empty is not allowed, since nothing is known of the region {self.region!r}"
            )
        if place is not None and place not in zones_of(where.place):
            raise BadSetting(
                f"{NAME}.region: {self.region!r} lies in {place!r}, and origin.records.region says {where.place!r}"
            )

    def read_credentials(self, keys_directory: Path) -> S3Credentials:
        """Raises BadSetting, which never shows them."""
        if self.access_key is not None and self.secret_key is not None:
            return S3Credentials(access_key=str(self.access_key), secret_key=str(self.secret_key))
        path = self.credentials or keys_directory / CREDENTIALS_FILE
        with blamed(f"{NAME}.credentials", path, f"a file with mode 0600, or {NAME}.access_key and secret_key"):
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise BadSetting(f"{NAME}.credentials: {str(path)!r} can be read by others; allowed: mode 0600")
            with path.open("rb") as file:
                content = file.read(CREDENTIALS_BYTES_MAX)
        try:
            said = tomllib.loads(content.decode())
        except ValueError as bad:
            raise BadSetting(f"{NAME}.credentials: {str(path)!r} is not TOML") from bad
        if not set(said) <= {"access_key", "secret_key", "session_token"} or not all(
            isinstance(said.get(name), str) and said[name] for name in {"access_key", "secret_key", *said}
        ):
            raise BadSetting(
                f"{NAME}.credentials: {str(path)!r} has to hold the texts access_key and secret_key, and may hold session_token"
            )
        return S3Credentials(**said)


def check_bucket(facts: BucketFacts, where: S3Where) -> None:
    """May originals lie in such a bucket? Raises BadSetting."""
    bucket = f"{NAME}.bucket: {where.bucket!r}"
    if facts.region != where.region:
        raise BadSetting(f"{bucket} lies in {facts.region!r}, and {NAME}.region says {where.region!r}")
    if facts.has_lock:
        raise BadSetting(f"{bucket} has Object Lock, and nothing could be erased; allowed: a bucket without it")
    if facts.has_replication:
        raise BadSetting(
            f"{bucket} is replicated, and copies would leave; allowed: a bucket without a replication rule"
        )
    if facts.needs_mfa:
        raise BadSetting(f"{bucket} asks for MFA to delete, and nothing could be erased; allowed: a bucket without it")


def _check_endpoint(endpoint: str, *, plain_http: bool) -> None:
    parts = urlsplit(endpoint)
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not port_is_fine:
        raise BadSetting(f"{NAME}.endpoint: {endpoint!r} is not a URL like https://s3.eu-central-1.amazonaws.com")
    if parts.scheme == "http" and not plain_http and not is_this_machine(parts.hostname):
        raise BadSetting(
            f"{NAME}.endpoint: {endpoint!r} has no TLS; allowed: https, or {NAME}.plain_http for your network"
        )

"""Which bucket, with which credentials, within which limits: values that settings become and the gate takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from yarl import URL

_AWS = re.compile(r"(^|\.)amazonaws\.(com(\.cn)?|eu)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Where:
    """One bucket. `region` is the service's name for where it lies, `place` the law's."""

    endpoint: str
    bucket: str
    region: str
    place: str
    owner: str = ""
    """The account that the bucket has to belong to; empty: not asked for."""

    @property
    def is_aws(self) -> bool:
        return _AWS.search(URL(self.endpoint).host or "") is not None

    @property
    def address(self) -> tuple[str, str, int]:
        """Scheme, host and port of every request: at AWS the bucket is part of the host."""
        url = URL(self.endpoint)
        host = f"{self.bucket}.{url.host}" if self.is_aws else str(url.host)
        return url.scheme, host, url.port or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    access_key: str
    secret_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return "S3Credentials(***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Limits:
    """Time-outs and counts of one process."""

    connect_seconds_max: float = 5.0
    read_seconds_max: float = 20.0
    """Without a byte."""
    seconds_max: float = 60.0
    """Of one call, all tries and pauses included."""
    connections_max: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFacts:
    """What a bucket says of itself."""

    region: str
    has_lock: bool
    has_replication: bool
    needs_mfa: bool

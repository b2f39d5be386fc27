"""A store in a bucket of a gateway, opened as an origin opens it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from domicile.service.settings import Secret
from origin.store.opening import opened_store
from origin.store.port import BlobStore
from origin.store.s3_settings import S3Settings
from tests.infra.buckets import Bucket
from tests.infra.ceph import ACCESS_KEY, SECRET_KEY

HOME = "eu-de"
REGION, ELSEWHERE = "eu-central-1", "us-east-1"
"""The gateway's own names of two regions."""


def s3_settings(bucket: Bucket, /, **changes: Any) -> S3Settings:
    given = {
        "bucket": bucket.name,
        "endpoint": bucket.gateway.endpoint,
        "region": bucket.gateway.region,
        "place": HOME,
        "access_key": Secret(ACCESS_KEY),
        "secret_key": Secret(SECRET_KEY),
        "seconds_max": 10.0,
    }
    return S3Settings(**{**given, **changes})


def opened_s3(bucket: Bucket, directory: Path, /, **changes: Any) -> AbstractAsyncContextManager[BlobStore]:
    """`changes`: of the settings."""
    now = changes.pop("now", lambda: 1_700_000_000.0)
    settings = s3_settings(bucket, **changes)
    return opened_store(settings, directory=directory, keys=directory, region=HOME, now=now)


def s3_environment(bucket: Bucket, endpoint: str = "", /, **changes: str) -> dict[str, str]:
    """The same for a process."""
    given = {
        "bucket": bucket.name,
        "endpoint": endpoint or bucket.gateway.endpoint,
        "region": bucket.gateway.region,
        "place": HOME,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }
    return {f"DOMICILE_ORIGIN_RECORDS_S3_{name.upper()}": value for name, value in {**given, **changes}.items()}

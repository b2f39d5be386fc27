"""Which store this origin has, opened and looked at: the disk, or a bucket."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from domicile.media.errors import UpstreamUnavailable
from domicile.service.buckets import S3Where
from domicile.service.settings import BadSetting, blamed
from origin.store.local import LocalStore
from origin.store.port import BlobStore
from origin.store.s3_settings import NAME, S3Settings, check_bucket

if TYPE_CHECKING:
    from domicile.service.gate.s3_calls import S3Refused

CREDENTIAL_CODES = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"})
NEEDED = (
    "s3:GetBucketLocation, s3:GetBucketVersioning, s3:GetBucketObjectLockConfiguration, s3:GetReplicationConfiguration,"
    " s3:ListBucket, s3:ListBucketVersions, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, s3:DeleteObject,"
    " s3:DeleteObjectVersion, s3:AbortMultipartUpload"
)

log = structlog.get_logger(__name__)


def name_of(s3: S3Settings) -> str:
    """Which store it is, for the records to be bound to: where the originals of these records are looked for."""
    return f"s3 {s3.region}/{s3.bucket}/{s3.prefix}" if s3.is_on else "disk"


@asynccontextmanager
async def opened_store(
    s3: S3Settings, *, directory: Path, keys: Path, region: str, now: Callable[[], float]
) -> AsyncIterator[BlobStore]:
    """`directory`: for originals on the disk. Raises BadSetting."""
    if not s3.is_on:
        yield LocalStore(directory)
        return
    try:
        from domicile.service.gate.s3 import S3Bucket
        from domicile.service.gate.s3_calls import S3Refused
        from origin.store.s3 import S3Store
    except ImportError as missing:
        raise BadSetting(f"{NAME}.bucket: needs the extra s3 (pip install 'domicile[s3]')") from missing
    where = s3.where(region)
    credentials = s3.read_credentials(keys)
    with blamed(f"{NAME}.authority", s3.authority, "a PEM file"):
        ssl.create_default_context(cafile=s3.authority)
    async with S3Bucket.open(where, credentials, s3.limits(), authority=s3.authority) as bucket:
        store = S3Store(bucket, prefix=s3.prefix, puts_max=s3.puts_max)
        try:
            check_bucket(await bucket.facts(), where)
            dropped = await store.drop_leftovers(age_seconds=s3.leftover_seconds_max, now=now)
        except S3Refused as refused:
            raise _blamed(refused, where) from refused
        except UpstreamUnavailable as gone:
            raise BadSetting(f"{NAME}.endpoint: {where.endpoint!r} does not answer") from gone
        if dropped:
            log.info("store_leftovers_dropped", uploads=dropped)
        yield store


def _blamed(refused: S3Refused, where: S3Where) -> BadSetting:
    said = f"({refused.operation}: {refused.code})"
    if refused.elsewhere:
        return BadSetting(
            f"{NAME}.region: {where.bucket!r} does not lie in {where.region!r} {said}; allowed: the endpoint and the region"
            " of the bucket itself, for nothing is followed elsewhere"
        )
    if refused.code in CREDENTIAL_CODES:
        return BadSetting(f"{NAME}.credentials: they do not open {where.bucket!r} {said}; needed are {NEEDED}")
    return BadSetting(f"{NAME}.bucket: {where.bucket!r} cannot be used {said}")

"""The gate to a bucket: sealed bytes go to S3, and come back, only with a permit for the place where the bucket lies.

    async with S3Bucket.open(where, credentials, limits) as bucket:
        await bucket.put(permit, tenant, key, body)

One host is spoken to, the one that the settings name (`s3_calls`). Each call is tried again, with pauses, for `seconds_max` in
all; then it is UpstreamUnavailable. What will not get better is S3Refused, a kind of that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from botocore.exceptions import ClientError

from domicile.media.errors import OutsideRegion, UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.service.buckets import BucketFacts, S3Credentials, S3Limits, S3Where
from domicile.service.gate.s3_calls import Answer, S3Calls, S3Missing, S3Refused, code_of

READ_BYTES = 256 * 1024
"""Taken from the socket in one go."""
PAGE_NAMES_MAX = 1000
"""Names in one answer of a listing: S3's own limit."""
DELETE_PAGES_MAX = 1000
"""Pages of versions of one object."""
LOCATIONS = {"": "us-east-1", "EU": "eu-west-1"}
"""What GetBucketLocation says of two old regions."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Piece:
    """Bytes of an object from the place that was asked for. `total`: of the whole object."""

    body: bytes
    total: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """As a listing tells of it."""

    key: str
    etag: str
    """MD5 of an object that came in one piece; with a hyphen of one that came in parts."""
    body_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Kept:
    """A name of which there are bytes."""

    key: str
    written_at: float
    """When the newest of them was."""
    is_latest: bool
    """They are what the name means now; else it was deleted, and older versions are left."""


class S3Bucket:
    """One process's connections to one bucket. Keys are names of objects, chosen by the caller."""

    def __init__(self, calls: S3Calls) -> None:
        self.where = calls.where
        self._call = calls.call
        self._calls = calls

    @classmethod
    @asynccontextmanager
    async def open(
        cls, where: S3Where, credentials: S3Credentials, limits: S3Limits, *, authority: Path | None = None
    ) -> AsyncIterator[S3Bucket]:
        """Connects nowhere yet. `authority`: a PEM file that is believed instead of the built-in list."""
        async with S3Calls.open(where, credentials, limits, authority) as calls:
            yield cls(calls)

    # --- bytes in ------------------------------------------------------------------------------------------------

    async def put(self, permit: Permit, tenant: str, key: str, body: bytes) -> None:
        """A whole object, or nothing of it. `permit`: Activity.STORE where the bucket lies."""
        permit.require(Activity.STORE, tenant)
        self._check_place(permit)
        await self._call("put_object", Key=key, **await _content(body))

    async def begin(self, permit: Permit, tenant: str, key: str) -> str:
        """An upload in parts; nothing is visible before `complete`. `permit`: as for `put`."""
        permit.require(Activity.STORE, tenant)
        self._check_place(permit)
        return str((await self._call("create_multipart_upload", Key=key))["UploadId"])

    async def put_part(self, permit: Permit, tenant: str, key: str, upload: str, number: int, body: bytes) -> str:
        """Its etag. Numbers begin at 1; all parts but the last have at least 5 MiB. S3Missing when the upload has gone."""
        permit.require(Activity.STORE, tenant)
        self._check_place(permit)
        content = await _content(body)
        return str((await self._call("upload_part", Key=key, UploadId=upload, PartNumber=number, **content))["ETag"])

    async def complete(self, permit: Permit, tenant: str, key: str, upload: str, etags: list[str], total: int) -> None:
        """Make it an object of `total` bytes. When the answer was lost and the object is there, it is done."""
        permit.require(Activity.STORE, tenant)
        self._check_place(permit)
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        try:
            await self._call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        except S3Refused:
            raise
        except (S3Missing, UpstreamUnavailable):
            if not await self._is_there(key, total):
                raise

    async def abort(self, key: str, upload: str) -> None:
        """Drop what came of an upload."""
        try:
            await self._call("abort_multipart_upload", Key=key, UploadId=upload)
        except S3Missing:
            return

    # --- bytes out -----------------------------------------------------------------------------------------------

    async def size(self, key: str) -> int:
        """Raises S3Missing."""
        return int((await self._call("head_object", Key=key))["ContentLength"])

    async def read(
        self, permit: Permit, tenant: str, key: str, start: int, end: int, *, etag: str | None = None
    ) -> S3Piece | None:
        """Bytes [start, end), in memory: all of them that the object has, or an error; None when it ends before `start`.

        `permit`: TRANSFORM or STORE for this tenant. `etag`: of the object that the rest was read from. S3Missing.
        """
        permit.require(Activity.TRANSFORM if permit.activity is Activity.TRANSFORM else Activity.STORE, tenant)
        same = {} if etag is None else {"IfMatch": etag}

        async def _once() -> S3Piece | None:
            asked = {"Key": key, "Range": f"bytes={start}-{end - 1}", **same, **self._calls.whose}
            try:
                return await _taken_in(await self._calls.client.get_object(**asked), start, end)
            except ClientError as refused:
                if code_of(refused)[1] == "InvalidRange":
                    return None
                raise

        return await self._calls.tried("get_object", _once)

    # --- names ---------------------------------------------------------------------------------------------------

    async def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[S3Kept]:
        """Each name that begins so, and of which there are bytes in any version, once and in order; page by page."""
        last = ""
        at: dict[str, Any] = {"KeyMarker": after} if after else {}
        while True:
            page = await self._call("list_object_versions", Prefix=prefix, MaxKeys=PAGE_NAMES_MAX, **at)
            for item in page.get("Versions", ()):
                if str(item["Key"]) not in {last, after}:
                    last = str(item["Key"])
                    is_latest = bool(item.get("IsLatest"))
                    yield S3Kept(key=last, written_at=item["LastModified"].timestamp(), is_latest=is_latest)
            if not page.get("IsTruncated"):
                return
            at = {"KeyMarker": page["NextKeyMarker"]}
            if page.get("NextVersionIdMarker"):
                at["VersionIdMarker"] = page["NextVersionIdMarker"]

    async def objects(self, prefix: str) -> AsyncIterator[S3Object]:
        """All that begin so, page by page."""
        after: dict[str, Any] = {}
        while True:
            page = await self._call("list_objects_v2", Prefix=prefix, MaxKeys=PAGE_NAMES_MAX, **after)
            for item in page.get("Contents", ()):
                yield S3Object(key=str(item["Key"]), etag=str(item["ETag"]).strip('"'), body_bytes=int(item["Size"]))
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    async def uploads(self, prefix: str) -> AsyncIterator[tuple[str, str, float]]:
        """Uploads in parts that are not complete: key, number and when they began."""
        after: dict[str, Any] = {}
        while True:
            page = await self._call("list_multipart_uploads", Prefix=prefix, MaxUploads=PAGE_NAMES_MAX, **after)
            for item in page.get("Uploads", ()):
                yield str(item["Key"]), str(item["UploadId"]), item["Initiated"].timestamp()
            if not page.get("IsTruncated"):
                return
            after = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def delete(self, key: str) -> int:
        """All versions and delete markers under a name: how many there were. Needs no permit: forgetting is always allowed."""
        gone = 0
        for _ in range(DELETE_PAGES_MAX):
            page = await self._call("list_object_versions", Prefix=key, MaxKeys=PAGE_NAMES_MAX)
            every = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            mine = [item["VersionId"] for item in every if item["Key"] == key]
            if not mine:
                return gone
            for version in mine:
                await self._call("delete_object", Key=key, VersionId=version)
            gone += len(mine)
        raise UpstreamUnavailable("The store of originals does not forget; try again later")

    async def facts(self) -> BucketFacts:
        """What has to be known of it before anything is stored."""
        said = await self._call("get_bucket_location")
        location = str(said.get("LocationConstraint") or "")
        versioning = await self._call("get_bucket_versioning")
        lock = await self._unless("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError")
        replication = await self._unless("get_bucket_replication", "ReplicationConfigurationNotFoundError")
        await self._call("list_object_versions", MaxKeys=1)  # erasing will need it
        return BucketFacts(
            region=LOCATIONS.get(location, location),
            has_lock=lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled",
            has_replication=bool(replication.get("ReplicationConfiguration", {}).get("Rules")),
            needs_mfa=versioning.get("MFADelete") == "Enabled",
        )

    # --- how -----------------------------------------------------------------------------------------------------

    def _check_place(self, permit: Permit) -> None:
        """Every byte goes to `where.address`, and that lies in `where.place`."""
        if permit.place.region != self.where.place:
            raise OutsideRegion(f"this store lies in {self.where.place}")

    async def _is_there(self, key: str, total: int) -> bool:
        try:
            return await self.size(key) == total
        except (S3Missing, UpstreamUnavailable):
            return False

    async def _unless(self, operation: str, code: str) -> Answer:
        """Nothing, when the bucket says that it has no such thing, or the service that it knows of none."""
        try:
            return await self._call(operation, missing=frozenset({code, "MethodNotAllowed", "NotImplemented"}))
        except S3Missing:
            return {}


async def _content(body: bytes) -> dict[str, Any]:
    digest = await asyncio.to_thread(lambda: hashlib.md5(body, usedforsecurity=False).digest())
    return {"body": body, "ContentMD5": base64.b64encode(digest).decode(), "ContentLength": len(body)}


async def _taken_in(answer: Answer, start: int, end: int) -> S3Piece:
    """Raises aiohttp.ClientPayloadError unless it is exactly what was asked for."""
    async with answer["Body"] as stream:
        said = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
        if said is None:
            raise aiohttp.ClientPayloadError("not the part that was asked for")
        first, last, total = (int(number) for number in said.groups())
        body = bytearray()
        while piece := await stream.read(READ_BYTES):
            body += piece
            if len(body) > end - start:
                break
        if first != start or last + 1 != min(end, total) or len(body) != last + 1 - first:
            raise aiohttp.ClientPayloadError("more or less than what was asked for")
        return S3Piece(body=bytes(body), total=total, etag=answer["ETag"])

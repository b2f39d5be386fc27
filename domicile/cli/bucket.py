"""`domicile import s3`: the objects of a bucket, each under its key. Apart from the other imports: it needs the extra `s3`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from domicile.cli.failure import Failure
from domicile.cli.imports import (
    Concurrency,
    DryRun,
    Into,
    JournalFile,
    Json,
    Region,
    finish,
    opened,
    permitted,
    run,
    target_of,
)
from domicile.cli.installation import installation
from domicile.cli.options import Config, Data
from domicile.cli.sources import kind_by_extension
from domicile.cli.transfer import Item, Transfer
from domicile.media.account import upload_fields
from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Permit
from domicile.service.buckets import S3Credentials, S3Limits, S3Where
from domicile.service.gate.account import AccountClient, Original, Refused, taken

PIECE_BYTES = 8 * 1024 * 1024
"""Of an object, in one call."""
WORDS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def s3(
    source: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="What to read.")],
    endpoint: Annotated[str, typer.Option(help="URL of the service, like https://s3.eu-central-1.amazonaws.com.")],
    bucket_region: Annotated[str, typer.Option(help="The service's name for where the bucket lies.")],
    folder: Annotated[str, typer.Option(help="Folder of public_ids to bring the objects into.")] = "",
    into: Into = None,
    concurrency: Concurrency = 4,
    dry_run: DryRun = False,
    journal: JournalFile = None,
    region: Region = None,
    config: Config = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Read a bucket; credentials are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Keys become names, as paths do."""
    from domicile.service import logging

    try:
        from domicile.service.gate.s3 import S3Bucket
    except ImportError as absent:
        raise Failure("this needs aiobotocore: pip install 'domicile[s3]'") from absent
    logging.configure("import", level="error")  # what is said of single calls would go to stdout else
    name, _, prefix = source.removeprefix("s3://").partition("/")
    access_key, secret_key, token = (os.environ.get(word, "") for word in WORDS)
    if not source.startswith("s3://") or not name:
        raise Failure(f"{source!r} is not like s3://BUCKET/PREFIX", 2)
    if not access_key or not secret_key:
        raise Failure(f"set {WORDS[0]} and {WORDS[1]}", 2)
    place = installation(config, data)
    target = target_of(into, place)
    permitted(place, target.cloud, Activity.INGRESS_FETCH, region)
    writes = permitted(place, target.cloud, Activity.STORE, region)
    where = S3Where(endpoint=endpoint, bucket=name, region=bucket_region, place=writes.place.region)
    credentials = S3Credentials(access_key=access_key, secret_key=secret_key, session_token=token or None)

    async def work() -> Counter[str]:
        limits = S3Limits(connections_max=concurrency + 1)
        async with (
            S3Bucket.open(where, credentials, limits) as bucket,
            AccountClient.open(target, Activity.STORE, target.cloud, connections_max=concurrency + 1) as ours,
        ):
            transfer = Transfer(
                into=ours,
                permit=writes,
                journal=opened(journal, target, "import"),
                concurrency=concurrency,
                is_dry=dry_run,
            )
            return await transfer.run(_items(bucket, writes, prefix, folder))

    finish(run(work), json=json)


async def _items(bucket: Any, permit: Permit, prefix: str, folder: str) -> AsyncIterator[Item]:
    """Raises Refused."""
    try:
        async for each in bucket.objects(prefix):
            asset = asset_of(each.key, folder)
            if asset is None:
                continue

            async def fetch(
                key: str = each.key, size: int = each.body_bytes, asset: Mapping[str, str] = asset
            ) -> tuple[Original, Mapping[str, str]]:
                return await taken(permit, _pieces(bucket, permit, key, size)), upload_fields(asset)

            yield Item(
                resource_type=asset["resource_type"],
                delivery_type=asset["type"],
                public_id=asset["public_id"],
                mark=each.etag,
                etag="" if "-" in each.etag else each.etag,
                fetch=fetch,
            )
    except MediaError as refused:
        raise Refused(0, f"the bucket: {refused}") from refused


def asset_of(key: str, folder: str) -> dict[str, str] | None:
    """None for what stands for a folder.

    >>> asset_of("a/b.png", "in")
    {'resource_type': 'image', 'type': 'upload', 'public_id': 'in/a/b'}
    """
    if key.endswith("/"):
        return None
    path = PurePosixPath(key.lstrip("/"))
    resource_type = kind_by_extension(Path(path))
    name = str(path if resource_type == "raw" else path.with_suffix(""))
    public_id = f"{folder.strip('/')}/{name}" if folder.strip("/") else name
    return {"resource_type": resource_type or "raw", "type": "upload", "public_id": public_id}


async def _pieces(bucket: Any, permit: Permit, key: str, size: int) -> AsyncIterator[bytes]:
    """An object, all of it as it was when it was begun. Raises Refused."""
    etag = None
    for start in range(0, size, PIECE_BYTES):
        try:
            piece = await bucket.read(permit, permit.tenant, key, start, min(start + PIECE_BYTES, size), etag=etag)
        except Exception as refused:  # of the bucket: missing, refused, changed meanwhile
            raise Refused(0, f"the bucket: {str(refused) or type(refused).__name__}") from refused
        if piece is None or piece.total != size:
            raise Refused(0, "the object has changed meanwhile")
        etag = piece.etag
        yield piece.body

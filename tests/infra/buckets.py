"""Buckets of a gateway, as the operator makes them and an auditor looks at them; with the synchronous client."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config

from tests.infra.ceph import ACCESS_KEY, SECRET_KEY, Gateway

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bucket:
    gateway: Gateway
    name: str
    client: Any

    def versions(self, prefix: str = "") -> list[tuple[str, str]]:
        """Every version and delete marker: (name, what it is)."""
        found = []
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix):
            found += [(item["Key"], "version") for item in page.get("Versions", ())]
            found += [(item["Key"], "marker") for item in page.get("DeleteMarkers", ())]
        return found

    def uploads(self) -> list[str]:
        """Names of uploads in parts that are not complete."""
        return [item["Key"] for item in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())]

    def set_versioning(self, status: str = "Enabled") -> None:
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})


@contextlib.contextmanager
def made(gateway: Gateway, name: str = "", **how: Any) -> Iterator[Bucket]:
    """A new bucket. `how`: what goes with create_bucket."""
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required", proxies={})
    client = botocore.session.Session().create_client(
        "s3",
        region_name=gateway.region,
        endpoint_url=gateway.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=config,
    )
    bucket = Bucket(gateway, name or f"originals-{next(_NUMBERS)}", client)
    with contextlib.closing(client):
        client.create_bucket(Bucket=bucket.name, **how)
        yield bucket

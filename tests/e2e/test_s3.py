"""A whole Domicile whose originals lie in a bucket with versions: upload, deliver, erase, and the bucket holds nothing of it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra import buckets, ceph
from tests.infra.s3_proxy import CutsAnswer, S3Proxy, first
from tests.infra.stores import REGION, s3_environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket() -> Iterator[buckets.Bucket]:
    with buckets.made(ceph.cluster().region(REGION)) as made:
        made.set_versioning()
        yield made


@pytest.fixture(scope="module")
def running(bucket: buckets.Bucket) -> Iterator[S3Proxy]:
    with S3Proxy.running(bucket.gateway.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def stack(
    bucket: buckets.Bucket, running: S3Proxy, tmp_path_factory: pytest.TempPathFactory, canaries: Canaries
) -> Iterator[Stack]:
    environment = s3_environment(bucket, running.endpoint, seconds_max="3")
    made = Stack(tmp_path_factory.mktemp("domicile") / "data", workers=1, environment=environment)
    made.start()
    with canaries.over(made):
        yield made
    assert made.exit_code == 0, made.log_tail()


def picture() -> bytes:
    body = io.BytesIO()
    Image.frombytes("RGB", (300, 200), os.urandom(300 * 200 * 3)).save(body, "PNG")
    return body.getvalue()


def delivered(stack: Stack, name: str, width: int) -> tuple[int, bytes]:
    reply = stack.get(f"/demo/image/upload/w_{width},f_png/{name}")
    return reply.status, reply.body


def test_what_is_uploaded_is_delivered_and_leaves_nothing_in_the_bucket_when_it_is_erased(
    stack: Stack, bucket: buckets.Bucket, canaries: Canaries
) -> None:
    before, name, body = bucket.versions(), canaries.name(), picture()
    sdk = stack.sdk()
    for _ in range(2):  # the second one replaces the first, whose bytes go
        sdk.uploader.upload(io.BytesIO(body), public_id=name, tags=[canaries.name("tag")])
    [(key, _)] = [entry for entry in bucket.versions() if entry not in before]
    sealed = bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    assert canaries.found_in(key.encode() + sealed) == []
    assert body[100:200] not in sealed
    status, rendition = delivered(stack, name, 80)
    assert (status, Image.open(io.BytesIO(rendition)).size) == (200, (80, 53))
    erased = stack.run("erase", "--public-id", name, "--yes", "--wait", "30")
    assert erased.returncode == 0, erased.stderr
    statement = json.loads(erased.stdout[erased.stdout.index("{") :])
    assert statement["outcome"] == "erased"
    assert statement["places"][0] | {"region": "eu-de"} == {
        "place": "origin store",
        "region": "eu-de",
        "state": "deleted",
        "evidence": "all versions deleted",
    }
    assert bucket.versions() == before
    assert bucket.uploads() == []
    assert delivered(stack, name, 80)[0] == 404


def test_a_store_that_cuts_originals_short_costs_a_503_and_never_a_broken_picture(
    stack: Stack, running: S3Proxy, canaries: Canaries
) -> None:
    name = canaries.name()
    stack.sdk().uploader.upload(io.BytesIO(picture()), public_id=name)
    running.plan = first(1_000_000, CutsAnswer(70_000), method="GET")
    try:
        assert delivered(stack, name, 90)[0] == 503
    finally:
        running.plan = lambda request: None
    status, rendition = delivered(stack, name, 90)
    assert (status, Image.open(io.BytesIO(rendition)).size) == (200, (90, 60))


def test_pieces_and_archives_lie_in_the_bucket_as_well(
    stack: Stack, bucket: buckets.Bucket, canaries: Canaries
) -> None:
    sdk, name, before = stack.sdk(), canaries.name(), len(bucket.versions())
    body = os.urandom(6 * 1024 * 1024)
    sdk.uploader.upload_large(io.BytesIO(body), public_id=name, resource_type="raw", chunk_size=5 * 1024 * 1024)
    assert len(bucket.versions()) == before + 1  # the pieces have gone
    sdk.uploader.create_archive(
        public_ids=[name], resource_type="raw", target_public_id=canaries.name(), mode="create", type="upload"
    )
    assert len(bucket.versions()) == before + 2
    assert not [path for path in stack.data.rglob("originals/*/*") if path.is_file()]

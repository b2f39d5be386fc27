"""A whole Domicile whose originals lie in a bucket with versions: upload, deliver, erase, and the bucket holds nothing of it; and
what the placement ledger tells of the bucket and of the edge's disk is what is there.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack
from tests.infra import buckets, ceph
from tests.infra.s3_proxy import CutsAnswer, S3Proxy, first
from tests.infra.stores import REGION, s3_environment

pytestmark = pytest.mark.slow

LISTED_SECONDS_MAX = 40.0
"""Until an edge that lists its files each second has told of one, or of none."""


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
    environment |= {"DOMICILE_EDGE_NODE_STOCK_SECONDS": "1", "DOMICILE_ORIGIN_RECORDS_CRAWL_GRACE_SECONDS": "0"}
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
        "probe": {
            "class": "sealed records of before were tried to be opened",
            "state": "verified",
            "asked": 1,
            "given": 0,
        },
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


def asked(stack: Stack, name: str) -> Reply:
    basic = base64.b64encode(":".join(stack.credentials).encode()).decode()
    return stack.api("GET", f"/v1_1/demo/places?public_id={name}", {"Authorization": f"Basic {basic}"})


def places(stack: Stack, name: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(asked(stack, name).body)["places"]
    return told


def wait_for_edge(stack: Stack, name: str, **wanted: str) -> dict[str, Any]:
    """The line of a copy at the edge, once it is like that."""
    deadline = time.monotonic() + LISTED_SECONDS_MAX
    while True:
        for line in places(stack, name):
            if line["place"] == "edges" and line["version_id"] and wanted.items() <= line.items():
                return line
        assert time.monotonic() < deadline, (wanted, places(stack, name))
        time.sleep(0.2)


def crawled(stack: Stack, *, differs: bool) -> dict[str, Any]:
    told = stack.run("where", "--crawl", "--json")
    assert told.returncode == (3 if differs else 0), told.stdout + told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_the_ledger_tells_where_a_picture_is_and_the_crawler_finds_what_is_not_where_it_says(
    stack: Stack, bucket: buckets.Bucket, canaries: Canaries
) -> None:
    name, cached = canaries.name(), set(files_of_the_edge(stack))
    stack.sdk().uploader.upload(io.BytesIO(picture()), public_id=name)
    assert delivered(stack, name, 70)[0] == 200
    line = wait_for_edge(stack, name, evidence="listed", state="present")
    told = stack.run("where", "--public-id", name, "--json")
    assert told.returncode == 0, told.stderr
    original = json.loads(told.stdout)["places"][0]
    assert (original["place"], original["region"]) == ("origin store", "eu-de")
    assert original["version_id"] == line["version_id"]
    assert bucket.name in original["name"]

    for file in set(files_of_the_edge(stack)) - cached:
        file.unlink()
    gone = wait_for_edge(stack, name, state="gone", why="evicted")
    assert gone["name"] == line["name"]

    (key,) = [key for key, _ in bucket.versions() if key.endswith(line["version_id"])]
    kept = bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    orphan = key.rpartition("/")[0] + "/" + "f" * 32
    bucket.client.put_object(Bucket=bucket.name, Key=orphan, Body=kept)
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    found = crawled(stack, differs=True)
    assert (found["unlisted"], found["phantom"]) == (1, 1)
    assert {one["version_id"] for one in found["examples"]} == {"f" * 32, line["version_id"]}
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=kept)
    for item in bucket.client.list_object_versions(Bucket=bucket.name, Prefix=orphan)["Versions"]:
        bucket.client.delete_object(Bucket=bucket.name, Key=orphan, VersionId=item["VersionId"])
    assert stack.run("erase", "--public-id", name, "--yes", "--wait", "30").returncode == 0
    assert asked(stack, name).status == 404
    assert crawled(stack, differs=False)["compared"] >= 1


def files_of_the_edge(stack: Stack) -> list[Path]:
    return [path for path in (stack.data / "edge-cache").glob("*/*") if len(path.name) == 40]


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

"""An origin whose originals lie in a bucket: what callers hear when it fails, and what a kill in the middle leaves."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import cloudinary.exceptions
import pytest

from tests.infra import buckets, ceph
from tests.infra.s3_proxy import Fault, HoldsAnswer, Request, S3Proxy, Says, Waits, first
from tests.infra.stores import REGION, s3_environment
from tests.integration.origin_process import OriginProcess, running_origin, wait_until

PARTS = 9 * 1024 * 1024
"""More than one part."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[buckets.Bucket]:
    with buckets.made(ceph.cluster().region(REGION)) as made:
        made.set_versioning()
        yield made


@pytest.fixture(scope="module")
def running(bucket: buckets.Bucket) -> Iterator[S3Proxy]:
    with S3Proxy.running(bucket.gateway.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: S3Proxy) -> Iterator[S3Proxy]:
    running.requests.clear()
    yield running
    running.plan = lambda request: None


@pytest.fixture(scope="module")
def origin(
    bucket: buckets.Bucket, running: S3Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OriginProcess]:
    environment = s3_environment(bucket, running.endpoint, seconds_max="6")
    with running_origin(tmp_path_factory.mktemp("origin"), **environment) as started:
        yield started


def objects(bucket: buckets.Bucket) -> list[str]:
    return sorted(name for name, _ in bucket.versions())


def put_raw(origin: OriginProcess, name: str, body: bytes) -> dict:
    return dict(origin.sdk().uploader.upload(io.BytesIO(body), public_id=name, resource_type="raw"))


def raw_names(origin: OriginProcess) -> set[str]:
    found = origin.sdk().api.resources(resource_type="raw", max_results=500)["resources"]
    return {asset["public_id"] for asset in found}


def test_what_is_stored_lies_in_the_bucket_alone_sealed_and_under_its_aid(
    origin: OriginProcess, bucket: buckets.Bucket
) -> None:
    before = objects(bucket)
    secret = b"a sentence that must not lie in a bucket as it is"
    put_raw(origin, "people/jane-doe.txt", secret * 1000)
    [key] = [key for key in objects(bucket) if key not in before]
    assert key.startswith("demo/")
    assert len(key) == len("demo/") + 32
    assert secret not in bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    assert not (origin.data / "originals").exists()
    assert ceph.SECRET_KEY.encode() not in origin.log.read_bytes()


def test_a_call_hears_that_the_store_is_away_and_the_name_stays_free(
    origin: OriginProcess, bucket: buckets.Bucket, proxy: S3Proxy
) -> None:
    before = objects(bucket)
    proxy.plan = first(1_000_000, Says(503, "SlowDown"), method="PUT")
    with pytest.raises(cloudinary.exceptions.GeneralError, match="try again later"):
        put_raw(origin, "later.bin", os.urandom(1000))
    assert "later.bin" not in raw_names(origin)
    assert objects(bucket) == before
    proxy.plan = lambda request: None
    put_raw(origin, "later.bin", os.urandom(1000))
    assert len(objects(bucket)) == len(before) + 1


def plan_of(fault: Fault, method: str, query: str) -> tuple[threading.Event, object]:
    """The fault for every such request, and an event when the first one has come."""
    reached = threading.Event()

    def plan(request: Request) -> Fault | None:
        if request.method == method and request.query.startswith(query):
            reached.set()
            return fault
        return None

    return reached, plan


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault, method, query, size",
    [
        (Waits(60), "PUT", "uploadId", PARTS),
        (HoldsAnswer(60), "POST", "uploadId", PARTS),
        (HoldsAnswer(60), "PUT", "", 1000),
    ],
    ids=["between parts", "when all is there and nobody knows", "a whole one that nobody knows of"],
)
def test_a_kill_in_the_middle_leaves_store_and_catalogue_in_agreement(
    origin: OriginProcess, bucket: buckets.Bucket, proxy: S3Proxy, fault: Fault, method: str, query: str, size: int
) -> None:
    names, before = raw_names(origin), objects(bucket)
    reached, plan = plan_of(fault, method, query)
    proxy.plan = plan  # type: ignore[assignment]
    sent: list[str] = []

    def upload() -> None:
        try:
            put_raw(origin, "killed.bin", os.urandom(size))
        except Exception as failed:
            sent.append(type(failed).__name__)

    caller = threading.Thread(target=upload)
    caller.start()
    assert reached.wait(20)
    if isinstance(fault, HoldsAnswer):
        wait_until(lambda: len(objects(bucket)) > len(before))
    origin.stop(signal.SIGKILL)
    caller.join(30)
    assert sent  # it was never told that it worked
    proxy.plan = lambda request: None
    origin.start()
    assert raw_names(origin) == names
    assert objects(bucket) == before
    assert bucket.uploads() == []


def test_records_of_a_bucket_do_not_start_on_the_disk(origin: OriginProcess) -> None:
    origin.stop()
    environment = {
        **os.environ,
        "DOMICILE_ORIGIN_RECORDS_DATA": str(origin.data),
        "DOMICILE_ORIGIN_LISTEN": "127.0.0.1:0",
    }
    refused = subprocess.run(
        [sys.executable, "-m", "origin"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode == 2
    assert "the originals of these records lie in 's3 eu-central-1/" in refused.stderr
    origin.start()

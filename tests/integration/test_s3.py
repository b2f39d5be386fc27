"""A bucket as a store: what is refused before anything is stored, and that bytes go to no other host than the one named."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.service.settings import BadSetting, Secret
from origin.records import Records
from origin.store import s3
from origin.store.s3_settings import S3Settings
from tests.infra import buckets, ceph
from tests.infra.lives import Life, Step
from tests.infra.records import CLOUD, crawled, name, opened, upload
from tests.infra.s3_proxy import Fault, Request, S3Proxy, Says, first
from tests.infra.stores import ELSEWHERE, HOME, REGION, opened_s3, s3_settings

AID = Aid("a" * 32)
NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def home() -> ceph.Gateway:
    return ceph.cluster().region(REGION)


@pytest.fixture(scope="module")
def bucket(home: ceph.Gateway) -> Iterator[buckets.Bucket]:
    with buckets.made(home) as made:
        yield made


@pytest.fixture
def proxy(home: ceph.Gateway) -> Iterator[S3Proxy]:
    with S3Proxy.running(home.port) as running:
        yield running


def permit() -> Permit:
    policy = from_mapping({"tenant": CLOUD, "interpretation": "global"}, home=HOME)
    decided = decide(policy, Activity.STORE, Place(name="origin", region=HOME), at=NOW)
    assert isinstance(decided, Permit)
    return decided


async def body_of(size: int) -> AsyncIterator[bytes]:
    yield os.urandom(size)


async def refusal(bucket: buckets.Bucket, directory: Path, /, **changes: Any) -> str:
    with pytest.raises(BadSetting) as refused:
        async with opened_s3(bucket, directory, **changes):
            pass
    return str(refused.value)


# --- regions --------------------------------------------------------------------------------------------------------


async def test_a_bucket_in_another_region_is_refused_at_start(bucket: buckets.Bucket, tmp_path: Path) -> None:
    text = await refusal(bucket, tmp_path, region=ELSEWHERE)
    assert text == (
        f"origin.records.s3.bucket: {bucket.name!r} lies in 'eu-central-1', and origin.records.s3.region says 'us-east-1'"
    )


async def test_a_bucket_of_the_same_name_in_another_region_is_refused(bucket: buckets.Bucket, tmp_path: Path) -> None:
    with buckets.made(ceph.cluster().region(ELSEWHERE), bucket.name) as other:
        text = await refusal(other, tmp_path, region=REGION)
        assert "lies in 'us-east-1'" in text


@pytest.mark.parametrize(
    "status, code", [(301, "PermanentRedirect"), (307, "TemporaryRedirect"), (400, "AuthorizationHeaderMalformed")]
)
async def test_a_redirect_to_another_region_is_not_followed_and_no_byte_goes_there(
    bucket: buckets.Bucket, proxy: S3Proxy, tmp_path: Path, status: int, code: str
) -> None:
    with S3Proxy.running(ceph.cluster().region(ELSEWHERE).port) as elsewhere:
        async with opened_s3(bucket, tmp_path, endpoint=proxy.endpoint) as store:
            asked = len(proxy.requests)
            location = ("Location", f"{elsewhere.endpoint}/{bucket.name}/x")
            body = f"<Error><Code>{code}</Code><Region>us-east-1</Region><Endpoint>{elsewhere.endpoint[7:]}</Endpoint></Error>"
            moved = Says(status, code, (location, ("x-amz-bucket-region", "us-east-1")), body.encode())
            proxy.plan = lambda request: moved if request.method == "PUT" else None
            with pytest.raises(UpstreamUnavailable):
                await store.put(CLOUD, AID, body_of(1000), permit())
            assert len(proxy.requests) == asked + 1  # not asked again, nor where the bucket is
            assert elsewhere.requests == []
        proxy.plan = lambda request: moved
        text = await refusal(bucket, tmp_path, endpoint=proxy.endpoint)
        assert text.startswith(f"origin.records.s3.region: {bucket.name!r} does not lie in 'eu-central-1'")
        assert elsewhere.requests == []


async def test_no_proxy_of_the_environment_is_used(
    bucket: buckets.Bucket, proxy: S3Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.endpoint)
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:9\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "of somebody else")
    async with opened_s3(bucket, tmp_path) as store:
        await store.put(CLOUD, AID, body_of(10), permit())
        await store.delete(CLOUD, AID)
    assert proxy.requests == []


async def test_each_request_asks_for_the_owner_of_the_bucket(
    bucket: buckets.Bucket, proxy: S3Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)
    async with opened_s3(bucket, tmp_path, endpoint=proxy.endpoint, owner="123456789012") as store:
        for size in (10, 6 * 1024 * 1024):
            await store.put(CLOUD, AID, body_of(size), permit())
        assert [piece async for piece in store.read(CLOUD, AID, 0, 1, permit())]
        await store.size(CLOUD, AID)
        assert [(blob.tenant, blob.aid) async for blob in store.list()] == [(CLOUD, AID)]
        await store.delete(CLOUD, AID)
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in proxy.requests} == {"123456789012"}
    assert len(proxy.requests) >= 14


# --- what nothing could be erased from ------------------------------------------------------------------------------


async def test_a_bucket_with_object_lock_is_refused(home: ceph.Gateway, tmp_path: Path) -> None:
    with buckets.made(home, ObjectLockEnabledForBucket=True) as locked:
        text = await refusal(locked, tmp_path)
        assert text.startswith(f"origin.records.s3.bucket: {locked.name!r} has Object Lock")


@pytest.mark.parametrize(
    "query, answer, said",
    [
        (
            "replication",
            "<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status></Rule></ReplicationConfiguration>",
            "is replicated",
        ),
        (
            "versioning",
            "<VersioningConfiguration><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>",
            "asks for MFA",
        ),
    ],
)
async def test_a_bucket_whose_copies_would_stay_is_refused(
    bucket: buckets.Bucket, proxy: S3Proxy, tmp_path: Path, query: str, answer: str, said: str
) -> None:
    proxy.plan = first(1, Says(200, "", body=answer.encode()), method="GET", query=query)
    assert said in await refusal(bucket, tmp_path, endpoint=proxy.endpoint)


async def test_a_service_that_knows_of_no_locks_and_replication_is_accepted(
    bucket: buckets.Bucket, proxy: S3Proxy, tmp_path: Path
) -> None:
    def plan(request: Request) -> Fault | None:
        return Says(501, "NotImplemented") if request.query in {"replication", "object-lock"} else None

    proxy.plan = plan
    async with opened_s3(bucket, tmp_path, endpoint=proxy.endpoint):
        pass


# --- settings -------------------------------------------------------------------------------------------------------


async def test_what_does_not_open_the_bucket_is_named_and_never_shown(bucket: buckets.Bucket, tmp_path: Path) -> None:
    wrong = {"access_key": Secret(ceph.ACCESS_KEY), "secret_key": Secret("wrong-secret-000001")}
    text = await refusal(bucket, tmp_path, **wrong)
    assert text.startswith("origin.records.s3.credentials: they do not open")
    assert "wrong-secret" not in text
    text = await refusal(bucket, tmp_path, bucket="not-there")
    assert text == "origin.records.s3.bucket: 'not-there' cannot be used (get_bucket_location: NoSuchBucket)"


async def test_a_service_that_does_not_answer_is_named(bucket: buckets.Bucket, tmp_path: Path, free_ports: Any) -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    text = await refusal(bucket, tmp_path, endpoint=endpoint, seconds_max=0.5)
    assert text == f"origin.records.s3.endpoint: {endpoint!r} does not answer"


# --- leftovers ------------------------------------------------------------------------------------------------------


async def test_uploads_in_parts_that_a_crash_left_are_dropped_at_start_when_they_are_old(
    home: ceph.Gateway, tmp_path: Path
) -> None:
    with buckets.made(home) as bucket:
        for key in ("ours/acme/" + AID, "theirs/other"):
            bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
        began = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"][0]["Initiated"].timestamp()
        for age, left in [(100, ["ours/acme/" + AID, "theirs/other"]), (200, ["theirs/other"])]:
            changes = {"prefix": "ours/", "leftover_seconds_max": 150, "now": lambda age=age: began + age}
            async with opened_s3(bucket, tmp_path, **changes):
                assert bucket.uploads() == left


async def test_what_is_deleted_takes_its_own_leftovers_along(home: ceph.Gateway, tmp_path: Path) -> None:
    with buckets.made(home) as bucket:
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=f"{CLOUD}/{AID}")
        async with opened_s3(bucket, tmp_path) as store:
            await store.delete(CLOUD, AID)
        assert bucket.uploads() == []


# --- records --------------------------------------------------------------------------------------------------------


async def test_records_with_originals_are_bound_to_their_store(bucket: buckets.Bucket, tmp_path: Path) -> None:
    on_s3 = s3_settings(bucket, prefix="bound/")
    async with opened(tmp_path):
        pass
    async with opened(tmp_path, s3=on_s3) as records:  # nothing was stored yet
        await upload(records, name("one"), b"sealed before it goes")
        assert [entry async for entry in records._core.blobs.list()] != []
    for other in (S3Settings(), s3_settings(bucket, prefix="elsewhere/")):
        with pytest.raises(
            BadSetting, match=r"origin\.records\.s3: .* lie in 's3 eu-central-1/originals-[0-9]+/bound/'"
        ):
            async with opened(tmp_path, s3=other):
                pass
    async with opened(tmp_path, s3=on_s3) as records:
        record = await records.get(name("one"))
        assert record is not None
        body = await records.open_original(record, records.permit(CLOUD, Activity.STORE))
        assert b"".join([piece async for piece in body.pieces()]) == b"sealed before it goes"
        await _erased(records, bucket)


async def test_a_bucket_of_the_same_name_elsewhere_is_not_the_one_the_originals_lie_in(
    bucket: buckets.Bucket, home: ceph.Gateway, tmp_path: Path
) -> None:
    with S3Proxy.running(home.port) as moved:  # the same bucket under another host's name is fine
        for endpoint in (home.endpoint, moved.endpoint):
            async with opened(tmp_path, s3=s3_settings(bucket, prefix="same/", endpoint=endpoint)) as records:
                await upload(records, name("one"))
    for key, _ in bucket.versions("same/"):
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
    with pytest.raises(BadSetting, match=r"origin\.records\.s3: the bucket has none of the originals"):
        async with opened(tmp_path, s3=s3_settings(bucket, prefix="same/")):
            pass


async def test_the_placement_ledger_and_a_bucket_with_versions_tell_the_same_and_what_differs_is_found(
    home: ceph.Gateway, tmp_path: Path
) -> None:
    with buckets.made(home) as bucket:
        bucket.set_versioning()
        await _lived(bucket, tmp_path)


async def _lived(bucket: buckets.Bucket, directory: Path) -> None:
    def stored() -> set[str]:
        return {key.rpartition("/")[2] for key, what in bucket.versions("ledger/") if what == "version"}

    steps: list[Step] = [
        *(("upload", 0, True), ("render", 0), ("upload", 0, True), ("upload", 1, False), ("rename", 1, 2)),
        *(("destroy", 0), ("restore", 0), ("upload", 2, True), ("render", 2), ("erase", 2)),
    ]
    on_s3 = s3_settings(bucket, prefix="ledger/")
    async with opened(directory, s3=on_s3, crawl_grace_seconds=0) as records:
        life = Life(records, stored)
        for step in steps:
            await life.do(step)
        await life.check()
        assert len(stored()) == 3
        lost = (await upload(records, name("lost"))).record
        bucket.client.put_object(Bucket=bucket.name, Key=f"ledger/{CLOUD}/{AID}", Body=b"orphan")
        for aid in (
            lost.aid,
            AID,
        ):  # by somebody who leaves the bytes behind a delete marker: nobody can read them, and they are there
            bucket.client.delete_object(Bucket=bucket.name, Key=f"ledger/{CLOUD}/{aid}")
        found = await crawled(records)
        told = {(one.difference, one.version_id) for one in found.examples}
        assert told == {("phantom", lost.aid), ("unlisted", AID)}
        assert (found.phantom, found.unlisted) == (1, 1)
        await records.destroy(name("lost"))
        await records._core.blobs.delete(CLOUD, Aid(AID))
        await life.check()
        await life.end()
        assert stored() == set()


async def _erased(records: Records, bucket: buckets.Bucket) -> None:
    [(key, _)] = bucket.versions("bound/")
    sealed = bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    assert b"sealed before it goes" not in sealed
    await records.destroy(name("one"))
    assert bucket.versions("bound/") == []

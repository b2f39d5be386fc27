"""The gate to a bucket, against a service that says what a test tells it to: where bytes go, and what is believed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domicile.media.errors import OutsideRegion, UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.service.buckets import S3Credentials, S3Limits, S3Where
from domicile.service.gate.s3 import S3Bucket
from domicile.service.gate.s3_calls import S3Refused
from tests.infra.s3_proxy import Request, S3Proxy, Says

CLOUD, HOME, KEY = "acme", "eu-de", "acme/" + "a" * 32
DIGEST = base64.b64encode(hashlib.md5(b"sealed", usedforsecurity=False).digest()).decode()
DONE = Says(200, "", (("ETag", '"x"'),), b"")


def permit(region: str = HOME, activity: Activity = Activity.STORE) -> Permit:
    policy = from_mapping({"tenant": CLOUD, "interpretation": "global"}, home=HOME)
    decided = decide(policy, activity, Place(name="somewhere", region=region), at=0.0)
    assert isinstance(decided, Permit)
    return decided


@pytest.fixture
def service() -> Iterator[S3Proxy]:
    with S3Proxy.running(0) as running:
        running.plan = lambda request: DONE
        yield running


@asynccontextmanager
async def opened(service: S3Proxy) -> AsyncIterator[S3Bucket]:
    where = S3Where(endpoint=service.endpoint, bucket="originals", region="eu-central-1", place=HOME)
    credentials = S3Credentials(access_key="a", secret_key="s")
    async with S3Bucket.open(where, credentials, S3Limits(read_seconds_max=5.0, seconds_max=1.0)) as bucket:
        yield bucket


def one_after_the_other(*answers: Says) -> Callable[[Request], Says]:
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("status, code", [(301, "PermanentRedirect"), (307, "TemporaryRedirect")])
async def test_a_redirect_is_not_followed_and_another_region_is_not_turned_to(
    service: S3Proxy, status: int, code: str
) -> None:
    with S3Proxy.running(0) as elsewhere:
        elsewhere.plan = lambda request: DONE
        headers = (("Location", f"{elsewhere.endpoint}/originals/{KEY}"), ("x-amz-bucket-region", "us-east-1"))
        service.plan = lambda request: Says(status, code, headers)
        async with opened(service) as bucket:
            with pytest.raises(S3Refused) as refused:
                await bucket.put(permit(), CLOUD, KEY, b"sealed")
        assert refused.value.elsewhere
        assert elsewhere.requests == []
        assert [request.method for request in service.requests] == ["PUT"]


async def test_a_request_that_a_library_turns_elsewhere_is_not_sent(service: S3Proxy) -> None:
    with S3Proxy.running(0) as elsewhere:

        def turn(request: Any, **_: Any) -> None:
            request.url = request.url.replace(service.endpoint, elsewhere.endpoint)

        async with opened(service) as bucket:
            bucket._calls.client.meta.events.register_first("request-created.s3", turn)
            with pytest.raises(OutsideRegion):
                await bucket.put(permit(), CLOUD, KEY, b"sealed")
        assert elsewhere.requests == service.requests == []


async def test_a_permit_for_another_place_sends_nothing(service: S3Proxy) -> None:
    async with opened(service) as bucket:
        for call in (
            bucket.put(permit("eu-fr"), CLOUD, KEY, b"x"),
            bucket.begin(permit("eu-fr"), CLOUD, KEY),
            bucket.put_part(permit("eu-fr"), CLOUD, KEY, "u", 1, b"x"),
            bucket.complete(permit("eu-fr"), CLOUD, KEY, "u", ["x"], 1),
        ):
            with pytest.raises(OutsideRegion, match="lies in eu-de"):
                await call
        for call in (
            bucket.put(permit(activity=Activity.CACHE), CLOUD, KEY, b"x"),
            bucket.put(permit(), "other", KEY, b"x"),
        ):
            with pytest.raises(TypeError):
                await call
    assert service.requests == []


async def test_each_try_sends_the_whole_body_with_its_digest(service: S3Proxy) -> None:
    service.plan = one_after_the_other(Says(500, "InternalError"), Says(400, "BadDigest"), DONE)
    async with opened(service) as bucket:
        await bucket.put(permit(), CLOUD, KEY, b"sealed")
    assert [request.body for request in service.requests] == [b"sealed"] * 3
    assert {request.headers["content-md5"] for request in service.requests} == {DIGEST}


@pytest.mark.parametrize(
    "said, body",
    [
        ("bytes 0-9/20", b"123456789"),
        ("bytes 0-8/20", b"123456789"),
        ("bytes 1-9/20", b"123456789"),
        ("", b"1234567890"),
    ],
    ids=["too few bytes", "a shorter part", "another part", "no part"],
)
async def test_what_is_not_exactly_the_part_that_was_asked_for_is_not_believed(
    service: S3Proxy, said: str, body: bytes
) -> None:
    headers = (("ETag", '"x"'),) + ((("Content-Range", said),) if said else ())
    service.plan = lambda request: Says(206, "", headers, body)
    async with opened(service) as bucket:
        with pytest.raises(UpstreamUnavailable):
            await bucket.read(permit(), CLOUD, KEY, 0, 10)
    assert len(service.requests) > 1


async def test_versions_and_markers_are_deleted_until_none_is_left(service: S3Proxy) -> None:
    listed = (
        "<ListVersionsResult>"
        f"<Version><Key>{KEY}</Key><VersionId>v1</VersionId></Version>"
        f"<Version><Key>{KEY}0</Key><VersionId>v9</VersionId></Version>"
        f"<DeleteMarker><Key>{KEY}</Key><VersionId>m1</VersionId></DeleteMarker>"
        "</ListVersionsResult>"
    )
    answers = one_after_the_other(Says(200, "", body=listed.encode()), Says(200, "", body=b"<ListVersionsResult/>"))
    service.plan = lambda request: answers(request) if request.method == "GET" else DONE
    async with opened(service) as bucket:
        assert await bucket.delete(KEY) == 2
    deleted = [(request.path, request.query) for request in service.requests if request.method == "DELETE"]
    assert deleted == [(f"/originals/{KEY}", "versionId=v1"), (f"/originals/{KEY}", "versionId=m1")]


async def test_what_is_refused_is_not_tried_again(service: S3Proxy) -> None:
    service.plan = lambda request: Says(403, "AccessDenied")
    async with opened(service) as bucket:
        with pytest.raises(S3Refused) as refused:
            await bucket.put(permit(), CLOUD, KEY, b"sealed")
    assert (refused.value.code, refused.value.elsewhere, len(service.requests)) == ("AccessDenied", False, 1)

"""Several keys of one cloud, made and taken away by the command line while the unmodified SDK and an edge are at work."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from typing import Any

import cloudinary.exceptions
import cloudinary.utils
import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.integration.test_sdk_upload import PNG

WORKERS = 1
CALLS = 20
"""An hour, of a cloud that is short of them."""


@pytest.fixture(scope="module")
def first(stack: Stack) -> str:
    """CLOUDINARY_URL of a cloud's first key."""
    return stack.create_cloud("acme")


def made(stack: Stack, *options: str) -> dict[str, Any]:
    done = stack.run("key", "create", "--cloud", "acme", "--json", *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def signed_path(stack: Stack, url: str, public_id: str) -> str:
    stack.sdk(url)
    shown, _ = cloudinary.utils.cloudinary_url(public_id, type="authenticated", sign_url=True, format="png")
    return stack.path_of(shown)


def test_a_key_is_rotated_without_a_gap_and_the_old_one_opens_nothing_afterwards(
    stack: Stack, first: str, canaries: Canaries
) -> None:
    name = canaries.name()
    after = made(stack, "--name", canaries.name("key"))["cloudinary_url"]
    for url in (first, after):
        answer = stack.sdk(url).uploader.upload(io.BytesIO(PNG), public_id=name, type="authenticated")
        assert answer["api_key"] in url
        assert cloudinary.utils.verify_api_response_signature(
            answer["public_id"], answer["version"], answer["signature"]
        )
    old, new = (signed_path(stack, url, name) for url in (first, after))
    assert old != new
    for path in (old, new, old):
        assert stack.get(path).status == 200
    old_key = first.removeprefix("cloudinary://").partition(":")[0]
    listed = stack.run("key", "list", "--cloud", "acme")
    assert listed.returncode == 0, listed.stderr
    assert old_key in listed.stdout
    secrets_of = [url.partition("@")[0].rpartition(":")[2] for url in (first, after)]
    assert not any(secret in listed.stdout for secret in secrets_of)

    assert stack.run("key", "disable", old_key, "--cloud", "acme").returncode == 0
    assert (stack.get(old).status, stack.get(new).status) == (401, 200)
    assert stack.run("key", "enable", old_key, "--cloud", "acme").returncode == 0
    assert stack.get(old).status == 200

    revoked = stack.run("key", "revoke", old_key, "--cloud", "acme")
    assert revoked.returncode == 0, revoked.stderr
    assert (stack.get(old).status, stack.get(new).status) == (401, 200), "also what the edge had believed before"
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="Unknown API key"):
        stack.sdk(first).api.ping()
    assert stack.sdk(after).api.ping()["status"] == "ok"
    last = stack.run("key", "revoke", after.removeprefix("cloudinary://").partition(":")[0], "--cloud", "acme")
    assert last.returncode == 1
    assert "last key" in last.stderr


def test_a_scoped_key_does_its_part_with_the_sdk_and_nothing_else(stack: Stack, first: str, canaries: Canaries) -> None:
    folder, name = canaries.name("folder"), canaries.name()
    uploads = made(stack, "--scope", "upload", "--folder", folder)["cloudinary_url"]
    sdk = stack.sdk(uploads)
    answer = sdk.uploader.upload(io.BytesIO(PNG), public_id=f"{folder}/{name}", type="authenticated")
    assert "/s--" not in answer["url"]
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="one folder"):
        sdk.uploader.upload(io.BytesIO(PNG), public_id=name)
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="may not delete"):
        sdk.uploader.destroy(f"{folder}/{name}", type="authenticated")
    with pytest.raises(cloudinary.exceptions.NotAllowed, match="may not read"):
        sdk.api.resource(f"{folder}/{name}", type="authenticated")
    assert stack.get(signed_path(stack, uploads, f"{folder}/{name}")).status == 401, "who may not look signs no URL"
    reads = made(stack, "--scope", "read", "--folder", folder)["cloudinary_url"]
    assert stack.get(signed_path(stack, reads, f"{folder}/{name}")).status == 200
    assert stack.sdk(reads).api.resource(f"{folder}/{name}", type="authenticated")["bytes"] == len(PNG)


def test_quotas_and_rates_reach_the_sdk_in_its_own_exceptions(stack: Stack, canaries: Canaries) -> None:
    url = stack.create_cloud("small")
    policy = stack.data / "policies" / "small.toml"
    policy.write_text(
        policy.read_text("utf-8") + f"\n[quotas]\nassets_max = 1\ncalls_per_hour_max = {CALLS}\n", "utf-8"
    )
    origin = stack.processes("origin")[0]
    os.kill(origin, signal.SIGHUP)
    sdk = stack.sdk(url)
    deadline = time.monotonic() + 20
    while (
        usage := sdk.api.usage()
    ).rate_limit_allowed != CALLS:  # a call under way meanwhile may know one of them alone
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert usage["objects"]["limit"] == 1
    assert usage.rate_limit_remaining >= 1
    sdk.uploader.upload(io.BytesIO(PNG), public_id=canaries.name())
    raised: list[Exception] = []
    for _ in range(CALLS):
        try:
            sdk.uploader.upload(io.BytesIO(PNG), public_id=canaries.name())
        except cloudinary.exceptions.Error as error:
            raised.append(error)
    assert isinstance(raised[-1], cloudinary.exceptions.RateLimited)
    assert "calls_per_hour_max" in str(raised[-1])
    full = [error for error in raised if isinstance(error, cloudinary.exceptions.BadRequest)]
    assert all("assets_max" in str(error) for error in full)
    assert len(full) + sum(isinstance(error, cloudinary.exceptions.RateLimited) for error in raised) == CALLS

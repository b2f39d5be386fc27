"""What is said to CDNs: in their words, signed as their own libraries sign, and never taken for done when it is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from akamai.edgegrid.edgegrid import EdgeGridAuthHeaders
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from domicile.media.cdn import CDNS
from domicile.media.cdn_calls import (
    SPEAKERS,
    Asked,
    Call,
    CdnAccount,
    Confirmed,
    Failed,
    Later,
    batches,
    call_of,
    follow_up_of,
    verdict_of,
)
from domicile.media.cdn_calls.port import ANSWER_BYTES_MAX, RETRY_SECONDS_MAX, RETRY_SECONDS_MIN

ASKED = Asked(at=1_795_673_162.0, nonce="0123456789abcdef" * 2)
TAGS = ("aa" * 12, "bb" * 12)


def account(kind: str, **changes: Any) -> CdnAccount:
    speaker = SPEAKERS[kind]
    base = speaker.default_base or "https://api.example"
    credentials = {name: f"{name}-value" for name in speaker.credentials}
    return CdnAccount(
        **{
            "kind": kind,
            "base": base,
            "zone": "z/1" if speaker.needs_zone else "",
            "credentials": credentials,
            **changes,
        }
    )


def said(kind: str, tags: tuple[str, ...] = TAGS) -> Call:
    return call_of(account(kind), tags[: SPEAKERS[kind].tags_max], ASKED)


def test_every_cdn_that_purges_by_tag_is_spoken_to() -> None:
    assert {name for name, cdn in CDNS.items() if cdn.tag_field is not None} == set(SPEAKERS)


@pytest.mark.parametrize("kind", SPEAKERS)
def test_each_tag_is_asked_for_once_and_in_calls_that_the_cdn_takes(kind: str) -> None:
    tags = [f"{number:024x}" for number in range(600)]
    parts = list(batches(kind, [*tags, *tags]))
    assert [tag for part in parts for tag in part] == tags
    assert max(map(len, parts)) <= SPEAKERS[kind].tags_max
    for part in parts[:2]:
        call = call_of(account(kind), part, ASKED)
        text = call.body.decode() + str(call.headers.get("xkey", ""))
        assert all(tag in text for tag in part)


def test_fastly() -> None:
    call = said("fastly")
    assert (call.method, call.url) == ("POST", "https://api.fastly.com/service/z%2F1/purge")
    assert call.headers["Fastly-Key"] == "token-value"
    assert "Fastly-Soft-Purge" not in call.headers
    assert json.loads(call.body) == {"surrogate_keys": list(TAGS)}
    assert verdict_of("fastly", 200, {}, b'{"a": "108-1-2"}') == Confirmed(evidence="108-1-2")


def test_cloudflare() -> None:
    call = said("cloudflare")
    assert call.url == "https://api.cloudflare.com/client/v4/zones/z%2F1/purge_cache"
    assert call.headers["Authorization"] == "Bearer token-value"
    assert json.loads(call.body) == {"tags": list(TAGS)}
    done = b'{"success": true, "errors": [], "result": {"id": "9a7806061c88ada191ed06f989cc3dac"}}'
    assert verdict_of("cloudflare", 200, {}, done) == Confirmed(evidence="9a7806061c88ada191ed06f989cc3dac")
    assert isinstance(verdict_of("cloudflare", 200, {}, b'{"success": false, "result": {"id": "x"}}'), Failed)


def test_bunny() -> None:
    call = said("bunny")
    assert call.url == "https://api.bunny.net/pullzone/z%2F1/purgeCache"
    assert call.headers["AccessKey"] == "access_key-value"
    assert json.loads(call.body) == {"CacheTag": TAGS[0]}
    assert isinstance(verdict_of("bunny", 204, {}, b""), Confirmed)


def test_varnish() -> None:
    call = said("varnish")
    assert (call.method, call.url, dict(call.headers)) == ("PURGE", "https://api.example/", {"xkey": " ".join(TAGS)})
    assert isinstance(verdict_of("varnish", 200, {}, b""), Confirmed)


def test_a_webhook_is_signed_as_standard_webhooks_says() -> None:
    """Read as its receivers read it: the parts joined by dots, the secret as it was given."""
    who = account("generic", zone="hooks/purge it", credentials={"secret": "a secret of an operator"})
    call = call_of(who, TAGS, ASKED)
    assert (call.method, call.url) == ("POST", "https://api.example/hooks/purge%20it")
    assert json.loads(call.body) == {"type": "cdn.purge", "data": {"tags": list(TAGS)}}
    assert (call.headers["webhook-id"], call.headers["webhook-timestamp"]) == (ASKED.nonce, "1795673162")
    signed = b".".join([ASKED.nonce.encode(), b"1795673162", call.body])
    wanted = base64.b64encode(hmac.new(b"a secret of an operator", signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == "v1," + wanted


def test_a_webhook_has_done_what_it_says_it_has_done() -> None:
    assert verdict_of("generic", 200, {}, b'{"id": "p-1"}') == Confirmed(evidence="p-1")
    assert verdict_of("generic", 204, {}, b"") == Confirmed(evidence="status:204")
    assert verdict_of("generic", 202, {"retry-after": "9"}, b'{"id": "p-1"}') == Later(in_seconds=9.0)


def test_akamai_is_signed_as_its_own_library_signs() -> None:
    who = account("akamai")
    call = call_of(who, TAGS, ASKED)
    assert call.url == "https://api.example/ccu/v3/delete/tag/production"
    assert json.loads(call.body) == {"objects": list(TAGS)}
    theirs = EdgeGridAuthHeaders(**who.credentials)
    request = requests.Request(
        call.method, call.url, data=call.body, headers={"Content-Type": "application/json"}
    ).prepare()
    stamp = datetime.fromtimestamp(ASKED.at, UTC).strftime("%Y%m%dT%H:%M:%S+0000")
    wanted = theirs.make_auth_header(request, stamp, ASKED.nonce)
    assert call.headers["Authorization"] == wanted
    done = b'{"httpStatus": 201, "estimatedSeconds": 5, "purgeId": "e535071c-26b2"}'
    assert verdict_of("akamai", 201, {}, done) == Confirmed(evidence="e535071c-26b2", in_seconds=5.0)


@pytest.mark.parametrize("seconds", [-1, 1e9, "soon", None])
def test_an_estimate_of_akamai_that_makes_no_sense_is_no_confirmation(seconds: Any) -> None:
    said = json.dumps({"purgeId": "x", "estimatedSeconds": seconds}).encode()
    assert isinstance(verdict_of("akamai", 201, {}, said), Failed)


@pytest.mark.parametrize("token", [None, "IDFDVBD632BHDS5"], ids=["purge", "follow-up"])
def test_cloudfront_is_signed_as_its_own_library_signs(token: str | None) -> None:
    who = account("cloudfront", zone="EDFDVBD6EXAMPLE")
    call = call_of(who, TAGS, ASKED) if token is None else follow_up_of(who, token, ASKED)
    request = AWSRequest(method=call.method, url=call.url, data=call.body)
    request.context["timestamp"] = call.headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = call.headers["X-Amz-Date"]
    request.headers["Host"] = "cloudfront.amazonaws.com"
    keys = Credentials(who.credentials["access_key_id"], who.credentials["secret_access_key"])
    theirs = SigV4Auth(keys, "cloudfront", "us-east-1")
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    signature = theirs.signature(text, request)
    assert f"Signature={signature}" in call.headers["Authorization"]
    if token is None:
        assert f"<Path>#{TAGS[0]}</Path><Path>#{TAGS[1]}</Path>".encode() in call.body
        assert ASKED.nonce.encode() in call.body


def test_cloudfront_is_asked_after_until_it_is_completed() -> None:
    begun = b"<Invalidation><CreateTime>x</CreateTime><Id>IDFD</Id><Status>InProgress</Status></Invalidation>"
    later = verdict_of("cloudfront", 201, {}, begun)
    assert isinstance(later, Later)
    assert later.token == "IDFD"
    done = begun.replace(b"InProgress", b"Completed")
    assert verdict_of("cloudfront", 200, {}, done) == Confirmed(evidence="IDFD")


# --- answers that are no confirmation --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SPEAKERS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_asked_again(kind: str, status: int) -> None:
    assert verdict_of(kind, status, {"retry-after": "7"}, b"") == Later(in_seconds=7.0)


@pytest.mark.parametrize("text, seconds", [("", RETRY_SECONDS_MIN), ("0", RETRY_SECONDS_MIN), ("999999999", RETRY_SECONDS_MAX), ("-5", RETRY_SECONDS_MIN), ("Wed, 21 Oct 2015 07:28:00 GMT", RETRY_SECONDS_MIN)])  # fmt: skip
def test_a_cdn_does_not_say_for_how_long_we_wait_without_bounds(text: str, seconds: float) -> None:
    assert verdict_of("fastly", 429, {"retry-after": text}, b"") == Later(in_seconds=seconds)


@pytest.mark.parametrize("kind", SPEAKERS)
@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 418])
def test_what_will_not_pass_by_itself_is_a_failure(kind: str, status: int) -> None:
    found = verdict_of(kind, status, {}, b'{"secret": "canary"}')
    assert isinstance(found, Failed)
    assert "canary" not in found.reason


@pytest.mark.parametrize("kind", ["fastly", "cloudflare", "akamai", "cloudfront"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"<html>", b"\xff", b"1"])
def test_a_success_that_names_no_purge_is_none(kind: str, body: bytes) -> None:
    assert isinstance(verdict_of(kind, 201 if kind == "akamai" else 200, {}, body), Failed)


def test_an_answer_without_an_end_is_a_failure() -> None:
    assert isinstance(verdict_of("varnish", 200, {}, b"x" * (ANSWER_BYTES_MAX + 1)), Failed)


def test_what_a_cdn_calls_its_purge_is_made_fit_for_a_statement() -> None:
    found = verdict_of("fastly", 200, {}, json.dumps({"a": "<script>\n" + "x" * 500}).encode())
    assert isinstance(found, Confirmed)
    assert found.evidence.startswith("_script__x")
    assert len(found.evidence) <= 128


def test_secrets_are_in_no_text_of_an_account_or_a_call() -> None:
    for kind in SPEAKERS:
        assert "-value" not in repr(account(kind)) + repr(said(kind))

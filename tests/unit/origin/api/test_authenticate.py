"""Who calls: signatures, Basic, the hour's window, and signatures that act once."""

from __future__ import annotations

import base64
import re
from ipaddress import ip_network

import pytest

from domicile.media.errors import BadRequest, BadSignature, MediaError, StaleRequest
from domicile.media.signature import Digest, sign_parameters
from origin.api import authenticate
from origin.api.authenticate import Caller, basic_credentials, check_basic, check_signed, is_private_way
from origin.api.params import Params
from origin.records import Tenant

NOW = 1_795_444_600.0
ACME = Tenant(
    cloud="acme", api_key="123456789012345", api_secret="sésame-4711", name_key=b"", file_key=b"", config_revision=1,
    created_at=0.0,
)  # fmt: skip


def find(key: str) -> Tenant | None:
    return ACME if key == ACME.api_key else None


def call(*, version: int = 2, digest: Digest = Digest.SHA1, unsigned: dict[str, str] | None = None, **given) -> Params:
    values = {"timestamp": str(int(NOW)), "public_id": "cat", **given}
    values = {key: value for key, value in values.items() if value is not None}
    signature = sign_parameters(values, ACME.api_secret, version=version, digest=digest)
    return Params({**values, "signature": signature, "api_key": ACME.api_key, **(unsigned or {})})


def check(params: Params, *, cloud: str = "acme", now: float = NOW, v1: bool = True, loose: bool = False) -> Tenant:
    return check_signed(params, cloud, find, now=now, allow_version_1=v1, notification_unsigned=loose).tenant


def check_signed_as(params: Params) -> Caller:
    return check_signed(params, "acme", find, now=NOW, allow_version_1=True)


@pytest.mark.parametrize("digest", list(Digest))
@pytest.mark.parametrize("version", [1, 2])
def test_both_hashes_and_both_versions_hold(digest: Digest, version: int) -> None:
    assert check(call(context="a=1&b=2", digest=digest, version=version)) is ACME


def test_version_1_can_be_switched_off_where_it_differs() -> None:
    check(call(version=1), v1=False)
    with pytest.raises(BadSignature):
        check(call(context="a=1&b=2", version=1), v1=False)


@pytest.mark.parametrize("unsigned", [{"public_id": "dog"}, {"tags": "x"}, {"notification_url": "https://x.example"}])
def test_what_the_signature_does_not_cover_breaks_it(unsigned: dict[str, str]) -> None:
    with pytest.raises(BadSignature, match=r"^Invalid Signature [0-9a-f]{40}\. String to sign - '.*'\.$"):
        check(call(unsigned=unsigned))


def test_notification_fields_may_be_unsigned_for_tags() -> None:
    assert check(call(unsigned={"notification_url": "https://x.example"}), loose=True) is ACME


def test_the_error_repeats_parameters_and_never_the_secret() -> None:
    with pytest.raises(BadSignature) as caught:
        check(call(unsigned={"public_id": "dog"}))
    assert "public_id=dog" in caught.value.message
    assert "4711" not in caught.value.message


def test_a_call_lives_for_an_hour() -> None:
    check(call(), now=NOW + 3599)
    with pytest.raises(StaleRequest) as caught:
        check(call(), now=NOW + 3601)
    assert re.fullmatch(
        r"Stale request - reported time is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 which is more than 1 hour ago",
        caught.value.message,
    )
    with pytest.raises(StaleRequest):
        check(call(), now=NOW - 3601)


@pytest.mark.parametrize(
    ("params", "kind", "text"),
    [
        (Params({}), BadRequest, "Upload preset must be specified when using unsigned upload"),
        (Params({"api_key": "1"}), BadRequest, "Missing required parameter - signature"),
        (Params({"signature": "1"}), BadRequest, "Missing required parameter - api_key"),
        (Params({"signature": "1", "api_key": "77"}), BadSignature, "Unknown API key 77"),
        (Params({"signature": "1", "api_key": ACME.api_key}), BadRequest, "Missing required parameter - timestamp"),
        (call(timestamp="soon"), BadRequest, "Invalid value for parameter timestamp"),
    ],
)
def test_what_is_missing_is_said_as_cloudinary_says_it(params: Params, kind: type[MediaError], text: str) -> None:
    with pytest.raises(kind) as caught:
        check(params)
    assert str(caught.value) == text


def test_a_key_belongs_to_one_cloud() -> None:
    with pytest.raises(BadSignature, match="cloud_name mismatch"):
        check(call(), cloud="other")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_basic_credentials() -> None:
    good = basic_credentials(basic(f"{ACME.api_key}:{ACME.api_secret}"))
    assert check_basic(good, "acme", find) is ACME
    for header, text in (
        (None, "Must supply api_key"),
        (basic(f"{ACME.api_key}:wrong"), "api_secret mismatch"),
        (basic("1:x"), "Unknown API key 1"),
    ):
        with pytest.raises(BadSignature, match=text):
            check_basic(basic_credentials(header), "acme", find)


@pytest.mark.parametrize(
    "header", ["Bearer x", "Basic", "Basic !!!", "Basic " + "A" * 2000, "Basic eA==", "Basic /w=="]
)
def test_a_broken_authorization_header_is_no_credentials(header: str) -> None:
    with pytest.raises(BadSignature):
        basic_credentials(header)


def test_a_signed_call_may_act_once_and_basic_has_nothing_to_replay() -> None:
    one, again, other = (check_signed_as(call()), check_signed_as(call()), check_signed_as(call(tags="x")))
    assert one.once is not None
    assert one.once == again.once != other.once
    assert one.once.kept_seconds >= authenticate.WINDOW_SECONDS + authenticate.AHEAD_SECONDS_MAX
    assert Caller(tenant=ACME).once is None


@pytest.mark.parametrize("digest", list(Digest))
def test_answers_are_signed_with_the_hash_of_the_call(digest: Digest) -> None:
    assert check_signed_as(call(digest=digest)).digest is digest
    assert Caller(tenant=ACME).digest is Digest.SHA1


def test_version_1_is_told_apart_only_where_it_differs() -> None:
    for params, version in ((call(context="a&b", version=1), 1), (call(context="a&b"), 2), (call(version=1), 2)):
        signed = check_signed_as(params).signed
        assert signed is not None
        assert signed.version == version


@pytest.mark.parametrize("timestamp", ["999999999999", "253402300800"])
def test_a_time_that_no_calendar_shows_is_a_bad_request(timestamp: str) -> None:
    with pytest.raises(BadRequest, match="timestamp"):
        check(call(timestamp=timestamp))
    with pytest.raises(StaleRequest):
        check(call(timestamp="253402300799"))


NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.1.0.0/16"))


@pytest.mark.parametrize(
    ("peer", "proto", "private"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("::ffff:127.0.0.1", None, True),
        ("", None, True),
        (None, None, True),
        ("10.1.2.3", "https", True),
        ("10.1.2.3", "http", False),
        ("127.0.0.1", "http", False),
        ("192.0.2.1", None, False),
        ("192.0.2.1", "https", False),
        ("fe80::1%eth0", None, False),
        ("nonsense", None, False),
    ],
)
def test_a_secret_counts_for_more_where_nobody_else_reads_it(
    peer: str | None, proto: str | None, private: bool
) -> None:
    assert is_private_way(peer, proto, NETWORKS) is private


def test_a_key_of_another_cloud_is_unknown_to_who_does_not_hold_its_secret() -> None:
    unknown = "^Unknown API key 123456789012345$"
    with pytest.raises(BadSignature, match=unknown):
        check_basic((ACME.api_key, "guessed"), "other", find)
    with pytest.raises(BadSignature, match=unknown):
        check(call(unsigned={"tags": "guessed"}), cloud="other")
    with pytest.raises(BadSignature, match="cloud_name mismatch"):
        check_basic((ACME.api_key, ACME.api_secret), "other", find)
    with pytest.raises(BadSignature, match="cloud_name mismatch"):
        check(call(), cloud="other")

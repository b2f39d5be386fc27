"""The caller's signature, checked by a second implementation (http-message-signatures)."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms

from domicile.service.signing import (
    BODY_BYTES_MAX,
    COVERED,
    BadKey,
    SigningKey,
    new_key,
    read_key,
    sign_purge,
)

BODY = b'{"purge_id":"01JD9Z6K3X5R8T2V4W6Y8Z0ABC","targets":[{"tag":"a"}]}'
NONCE = bytes(range(18))


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key("ops-eu1-2026-11")


class Resolver(HTTPSignatureKeyResolver):
    def __init__(self, key: SigningKey) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> Any:
        assert key_id == self.key.key_id
        return self.key.private.public_key()


def verify(
    key: SigningKey, headers: dict[str, str], *, url: str = "http://edge1.example.net:8080/_edge/v1/purge"
) -> Any:
    message = requests.Request("POST", url, data=BODY, headers=headers).prepare()
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Resolver(key))
    return verifier.verify(message, max_age=timedelta(seconds=300))


def signed(key: SigningKey, **changes: Any) -> dict[str, str]:
    arguments: dict[str, Any] = {
        "authority": "edge1.example.net:8080",
        "region": "eu-de",
        "created": int(time.time()),
        "nonce": NONCE,
    }
    return sign_purge(key, BODY, **{**arguments, **changes})


def test_a_second_implementation_accepts_what_we_sign(key: SigningKey) -> None:
    [result] = verify(key, signed(key))
    assert [name.strip('"') for name in list(result.covered_components)[: len(COVERED)]] == list(COVERED)
    assert result.parameters["tag"] == "edge-purge"
    assert result.parameters["alg"] == "ed25519"
    assert result.parameters["expires"] - result.parameters["created"] == 60


@pytest.mark.parametrize(
    "tampered",
    [
        {"Edge-Region": "us-east"},
        {"Content-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"},
        {"Content-Type": "text/plain"},
    ],
)
def test_a_changed_header_breaks_the_signature(key: SigningKey, tampered: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(key, {**signed(key), **tampered})


@pytest.mark.parametrize("url", ["http://edge2.example.net:8080/_edge/v1/purge", "http://edge1.example.net:8080/other"])
def test_another_host_or_path_breaks_the_signature(key: SigningKey, url: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(key, signed(key), url=url)


def test_another_key_breaks_the_signature(key: SigningKey) -> None:
    with pytest.raises(InvalidSignature):
        verify(new_key(key.key_id), signed(key))


def test_a_key_file_reads_back_and_shows_nothing(key: SigningKey) -> None:
    again = read_key(key.to_pem())
    assert again.key_id == key.key_id
    assert again.public_base64 == key.public_base64
    assert len(base64.b64decode(key.public_base64)) == 32
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        b"keyid: ops-1\nnot a key",
        b"keyid: a b\n" + new_key("abc").to_pem().partition(b"\n")[2],
    ],
)
def test_a_file_that_is_no_key_is_refused_with_a_reason(pem: bytes) -> None:
    with pytest.raises(BadKey):
        read_key(pem)


@pytest.mark.parametrize("key_id", ["", "a", 'x"y', "a b c", "-abc", "é" * 5, "x" * 65])
def test_a_key_id_that_could_break_out_of_its_quotes_is_refused(key_id: str) -> None:
    with pytest.raises(BadKey):
        new_key(key_id)


def test_limits_of_body_nonce_and_lifetime_hold(key: SigningKey) -> None:
    with pytest.raises(ValueError, match="bytes at most"):
        sign_purge(key, b"x" * (BODY_BYTES_MAX + 1), authority="e", region="eu-de", created=0, nonce=NONCE)
    with pytest.raises(ValueError, match="128 bits"):
        signed(key, nonce=b"short")
    with pytest.raises(ValueError, match="lives 1 to 300"):
        signed(key, lifetime_seconds=301)

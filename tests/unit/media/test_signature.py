from __future__ import annotations

import cloudinary
import cloudinary.utils
import pytest

from domicile.media.errors import BadSignature
from domicile.media.signature import (
    LEFT_OUT_BY_SOME,
    Digest,
    parameters_text,
    sign_answer,
    sign_delivery,
    sign_parameters,
    sign_search,
    sign_webhook,
    verify_delivery,
    verify_parameters,
    verify_search,
)
from domicile.media.url import parse

SECRET = "abcd"
SAMPLE = {
    "public_id": "sample",
    "timestamp": "1315060510",
    "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop",
    "api_key": "1234",
    "file": "xxx",
    "cloud_name": "demo",
    "resource_type": "image",
    "folder": "",
}


@pytest.fixture
def sdk(monkeypatch):
    monkeypatch.delenv("CLOUDINARY_URL", raising=False)
    cloudinary.reset_config()
    cloudinary.config(cloud_name="demo", api_key="k", api_secret=SECRET, secure=True)
    yield cloudinary.utils
    cloudinary.reset_config()


@pytest.mark.parametrize(
    "text,secret,signature",
    [
        ("c_scale,w_100/folder/pic.jpg", "secret", "GUI5QGFY"),
        ("c_scale,w_100/folder/pic.jpg", "secret", "id1tvy2t"),
        ("c_scale,w_100/folder/pic.jpg", "secret", "id1tvy2tCHVmaQ6OVrocgTYX823EHhq1"),
        ("image.jpg", "b", "--SjmNDA"),
        ("c_crop,h_20,w_10/image.jpg", "b", "Ai4Znfl3"),
        ("http://google.com/path/to/image.png", "b", "hH_YcbiS"),
    ],
)
def test_the_documented_delivery_signatures_verify(text, secret, signature):
    verify_delivery(text, signature, secret)


@pytest.mark.parametrize(
    "signature", ["GUI5QGFZ", "gui5qgfy", "", "GUI5QGF", "id1tvy2tCHVmaQ6OVrocgTYX823EHhq2", "é" * 8, "\ud800"]
)
def test_another_delivery_signature_does_not(signature):
    with pytest.raises(BadSignature):
        verify_delivery("c_scale,w_100/folder/pic.jpg", signature, "secret")


def test_a_tenant_may_require_the_long_signature():
    with pytest.raises(BadSignature):
        verify_delivery("c_scale,w_100/folder/pic.jpg", "GUI5QGFY", "secret", require_long=True)
    verify_delivery("c_scale,w_100/folder/pic.jpg", "id1tvy2tCHVmaQ6OVrocgTYX823EHhq1", "secret", require_long=True)


@pytest.mark.parametrize("options", [{}, {"long_url_signature": True}, {"signature_algorithm": "sha256"}])
@pytest.mark.parametrize("source", ["pic", "folder/pic", "a(1)", "café & co", "http://x.eu/a b.jpg?q=1"])
def test_what_the_python_sdk_signs_verifies_over_the_path_as_received(sdk, source, options):
    kind = {"type": "fetch"} if source.startswith("http") else {"format": "jpg"}
    address, _ = sdk.cloudinary_url(source, width=100, crop="scale", sign_url=True, **kind, **options)
    request = parse(address.removeprefix("https://res.cloudinary.com"))
    assert request.signature is not None
    verify_delivery(request.candidates[0].signed_text, request.signature, SECRET)
    with pytest.raises(BadSignature):
        verify_delivery(request.candidates[0].signed_text + "x", request.signature, SECRET)


def test_the_encodings_of_two_sdks_are_both_signed_as_they_stand():
    verify_delivery("a%281%29", "xn1ODqWR", "secret")
    verify_delivery("a(1)", "PwLGVhBt", "secret")


def test_the_documented_parameters_sign_as_documented():
    assert sign_parameters(SAMPLE, SECRET) == "7e775a49f317e77d8f0af0fb11891b6e6edf21c0"
    verify_parameters(SAMPLE, "7e775a49f317e77d8f0af0fb11891b6e6edf21c0", SECRET)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("value", ["plain", "a&b=c", "ü", ["x", "y"]])
def test_parameters_sign_as_in_the_python_sdk(sdk, digest, version, value):
    parameters = {"public_id": "a", "timestamp": "1", "tags": value, "empty": ""}
    theirs = sdk.api_sign_request(parameters, SECRET, digest, version)
    assert sign_parameters(parameters, SECRET, digest=Digest(digest), version=version) == theirs
    verify_parameters(parameters, theirs, SECRET, allow_version_1=True)


def test_version_one_lets_parameters_be_smuggled_and_is_off_by_default():
    signed = {"public_id": "a", "tags": "x&type=private"}
    smuggled = {"public_id": "a", "tags": "x", "type": "private"}
    signature = sign_parameters(signed, SECRET, version=1)
    assert parameters_text(signed, version=1) == parameters_text(smuggled, version=1)
    with pytest.raises(BadSignature):
        verify_parameters(smuggled, sign_parameters(signed, SECRET), SECRET)
    with pytest.raises(BadSignature):
        verify_parameters(signed, signature, SECRET)
    verify_parameters(signed, signature, SECRET, allow_version_1=True)


def test_only_where_it_is_known_may_a_parameter_stay_unsigned():
    signature = sign_parameters({"public_id": "a"}, SECRET)
    sent = {"public_id": "a", "notification_url": "https://evil.example/"}
    with pytest.raises(BadSignature):
        verify_parameters(sent, signature, SECRET)
    verify_parameters(sent, signature, SECRET, may_be_left_out=LEFT_OUT_BY_SOME)


@pytest.mark.parametrize(
    "signature", ["", "7e775a", "7E775A49F317E77D8F0AF0FB11891B6E6EDF21C0", "0" * 40, "0" * 64, "é" * 40]
)
def test_any_other_signature_is_refused_in_cloudinarys_words_without_the_secret(signature):
    with pytest.raises(BadSignature) as caught:
        verify_parameters(SAMPLE, signature, SECRET)
    text = "eager=w_400,h_300,c_pad|w_260,h_200,c_crop&public_id=sample&timestamp=1315060510"
    assert caught.value.message == f"Invalid Signature {signature}. String to sign - '{text}'."


def test_the_signature_of_an_answer_is_what_the_sdk_checks(sdk):
    assert sdk.verify_api_response_signature("folder/a&b", 1234, sign_answer("folder/a&b", 1234, SECRET))
    assert sdk.verify_api_response_signature("a", 1, sign_answer("a", 1, SECRET, digest=Digest.SHA256), "sha256")


def test_the_signature_of_a_webhook_is_what_the_sdk_checks(sdk):
    body, timestamp = '{"ü":1}', 2_000_000_000
    signature = sign_webhook(body, timestamp, SECRET)
    assert sdk.verify_notification_signature(body, timestamp, signature, valid_for=10**10)
    assert not sdk.verify_notification_signature(body, timestamp + 1, signature, valid_for=10**10)
    longer = sign_webhook(body, timestamp, SECRET, digest=Digest.SHA256)
    assert sdk.verify_notification_signature(body, timestamp, longer, valid_for=10**10, algorithm="sha256")


@pytest.mark.parametrize("version", [1, 2])
def test_the_signature_of_an_answer_is_none_of_a_call(version: int) -> None:
    """An unsigned upload is shown one, over a public_id of its own choice: `&` folds into other parameters in version 1."""
    named = "victim&timestamp=1315060510&transformation=l_text:Arial_10:a"
    shown = sign_answer(named, 7, SECRET)
    folded = {"public_id": "victim", "timestamp": "1315060510", "transformation": "l_text:Arial_10:a&version=7"}
    spelled = {"public_id": named, "version": "7"}
    for parameters in (folded, spelled):
        with pytest.raises(BadSignature):
            verify_parameters(parameters, shown, SECRET, allow_version_1=version == 1)
    assert sign_parameters(folded, SECRET, version=1) == shown  # it is the very text


def test_nothing_is_signed_by_no_secret() -> None:
    for checked in (
        lambda: verify_parameters({"public_id": "a"}, sign_parameters({"public_id": "a"}, ""), ""),
        lambda: verify_search("300", "e30=", sign_search("300", "e30=", ""), ""),
        lambda: verify_delivery("a.jpg", sign_delivery("a.jpg", ""), ""),
    ):
        with pytest.raises(BadSignature):
            checked()

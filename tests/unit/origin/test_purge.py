"""The door for signed purges: every covered part tampered with, every parameter wrong, every rule of the window."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domicile.media import errors
from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest, OutOfScope, WrongPlace
from domicile.media.wire import PurgeRelay
from domicile.service.signing import COVERED, PURGE_PATH, new_key, sign_purge
from origin.nodes import Node
from origin.purge import Proved, Unproved, check_place, claimed_key, refusal, verify
from origin.purge_order import check_scope, read_order
from origin.records import PurgeKey

NOW = 1_795_444_600.0
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
BODY = json.dumps({"purge_id": "p1", "targets": [{"public_id": "people/jane"}]}).encode()
KEY = PurgeKey(
    tenant="acme",
    keyid="acme-2026-11",
    public_key=PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    operations=frozenset({"public_id", "asset", "url", "tag", "prefix", "all"}),
    not_before=NOW - 1000,
    not_after=NOW + 1000,
)
NODE = Node(node="0" * 32, region="eu-de", authorities=frozenset({"edge1.example:8080"}), seen_at=NOW)


@dataclass(frozen=True)
class Call:
    """A call written by hand from the RFCs; every part can be changed before it is signed."""

    body: bytes = BODY
    authority: str = "edge1.example:8080"
    region: str = "eu-de"
    path: str = PURGE_PATH
    method: str = "POST"
    query: str = ""
    content_type: str = "application/json"
    created: int = int(NOW)
    expires: int = int(NOW) + 60
    keyid: str = "acme-2026-11"
    alg: str = "ed25519"
    nonce: str = base64.urlsafe_b64encode(b"\7" * 18).decode()
    tag: str = "edge-purge"
    covered: tuple[str, ...] = COVERED
    without: frozenset[str] = frozenset()
    extra: str = ""
    digest: str | None = None

    def relay(self) -> PurgeRelay:
        digest = self.digest or f"sha-256=:{base64.b64encode(hashlib.sha256(self.body).digest()).decode()}:"
        values = {
            "@method": self.method,
            "@authority": self.authority.lower(),
            "@path": self.path,
            "content-type": self.content_type,
            "edge-region": self.region,
            "content-digest": digest,
        }
        given: dict[str, object] = {
            "created": self.created,
            "keyid": self.keyid,
            "alg": self.alg,
            "expires": self.expires,
            "nonce": self.nonce,
            "tag": self.tag,
        }
        shown = "".join(
            f';{name}="{value}"' if isinstance(value, str) else f";{name}={value}"
            for name, value in given.items()
            if name not in self.without
        )
        parameters = "(" + " ".join(f'"{name}"' for name in self.covered) + ")" + shown + self.extra
        base = "\n".join(
            [*(f'"{name}": {values[name]}' for name in self.covered), f'"@signature-params": {parameters}']
        )
        signature = base64.b64encode(PRIVATE.sign(base.encode())).decode()
        return PurgeRelay(
            node="0" * 32,
            region="eu-de",
            method=self.method,
            authority=self.authority,
            path=self.path,
            query=self.query,
            headers=(
                ("host", self.authority),
                ("content-type", self.content_type),
                ("edge-region", self.region),
                ("content-digest", digest),
                ("signature-input", f"purge={parameters}"),
                ("signature", f"purge=:{signature}:"),
            ),
            body=self.body,
        )


def prove(relay: PurgeRelay, *, key: PurgeKey | None = KEY, now: float = NOW) -> Proved:
    keyid = claimed_key(relay)
    return verify(relay, key if key is None or key.keyid == keyid else None, now=now)


def changed(relay: PurgeRelay, name: str, value: str | None) -> PurgeRelay:
    headers = [(key, text if key != name else value) for key, text in relay.headers]
    return msgspec_replace(relay, headers=tuple((key, text) for key, text in headers if text is not None))


def msgspec_replace(relay: PurgeRelay, **changes: Any) -> PurgeRelay:
    import msgspec

    return msgspec.structs.replace(relay, **changes)


def test_a_call_written_by_hand_is_proved() -> None:
    proved = prove(Call().relay())
    assert (proved.key, proved.region, proved.expires) == (KEY, "eu-de", int(NOW) + 60)
    assert proved.digest == hashlib.sha256(BODY).hexdigest()


def test_a_call_signed_by_our_own_client_is_proved() -> None:
    key = new_key("ours-1")
    headers = sign_purge(key, BODY, authority="EDGE1.example:8080", region="eu-de", created=int(NOW), nonce=b"\5" * 18)
    relay = msgspec_replace(
        Call().relay(),
        authority="Edge1.example:8080",
        headers=tuple((name.lower(), value) for name, value in headers.items()),
    )
    registered = replace(KEY, keyid="ours-1", public_key=base64.b64decode(key.public_base64))
    assert prove(relay, key=registered).nonce == base64.urlsafe_b64encode(b"\5" * 18).decode().rstrip("=")


TAMPERED: dict[str, Callable[[PurgeRelay], PurgeRelay]] = {
    "body": lambda relay: msgspec_replace(relay, body=relay.body.replace(b"jane", b"john")),
    "body emptied": lambda relay: msgspec_replace(relay, body=b""),
    "method": lambda relay: msgspec_replace(relay, method="PUT"),
    "authority": lambda relay: msgspec_replace(relay, authority="edge2.example:8080"),
    "path": lambda relay: msgspec_replace(relay, path=PURGE_PATH + "x"),
    "query": lambda relay: msgspec_replace(relay, query="a=b"),
    "region": lambda relay: changed(relay, "edge-region", "eu-fr"),
    "content type": lambda relay: changed(relay, "content-type", "text/plain"),
    "digest": lambda relay: changed(relay, "content-digest", "sha-256=:" + "A" * 43 + "=:"),
    "digest gone": lambda relay: changed(relay, "content-digest", None),
    "digest weak": lambda relay: changed(relay, "content-digest", "md5=:" + "A" * 22 + "==:"),
    "signature": lambda relay: changed(relay, "signature", "purge=:" + "A" * 86 + "==:"),
    "signature gone": lambda relay: changed(relay, "signature", None),
    "label": lambda relay: changed(relay, "signature", dict(relay.headers)["signature"].replace("purge=", "other=")),
    "input gone": lambda relay: changed(relay, "signature-input", None),
    "input garbage": lambda relay: changed(relay, "signature-input", "purge=((((;;"),
    "input binary": lambda relay: changed(relay, "signature-input", "purge=(\u00e9)"),
    "input a number": lambda relay: changed(relay, "signature-input", 'purge=5;tag="edge-purge"'),
    "expires later": lambda relay: changed(
        relay,
        "signature-input",
        dict(relay.headers)["signature-input"].replace(f"expires={int(NOW) + 60}", f"expires={int(NOW) + 90}"),
    ),
    "header twice": lambda relay: msgspec_replace(relay, headers=(*relay.headers, ("edge-region", "eu-de"))),
    "too large": lambda relay: msgspec_replace(relay, body=b" " * 65_537),
    "authority garbage": lambda relay: msgspec_replace(relay, authority="a b/c@d"),
}


@pytest.mark.parametrize("how", list(TAMPERED))
def test_tampering_after_signing_is_noticed(how: str) -> None:
    with pytest.raises(Unproved):
        prove(TAMPERED[how](Call().relay()))


@pytest.mark.parametrize("left_out", COVERED)
def test_every_component_must_be_covered(left_out: str) -> None:
    with pytest.raises(Unproved) as caught:
        prove(Call(covered=tuple(name for name in COVERED if name != left_out)).relay())
    assert caught.value.outcome in {"components", "digest"}


@pytest.mark.parametrize("left_out", ["created", "expires", "keyid", "alg", "nonce", "tag"])
def test_every_parameter_must_be_there(left_out: str) -> None:
    with pytest.raises(Unproved):
        prove(Call(without=frozenset({left_out})).relay())


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (Call(created=int(NOW) + 31, expires=int(NOW) + 91), "time"),
        (Call(created=int(NOW) - 100, expires=int(NOW) - 31), "time"),
        (Call(expires=int(NOW) + 301), "time"),
        (Call(expires=int(NOW)), "time"),
        (Call(alg="hmac-sha256"), "signature"),
        (Call(tag="other"), "form"),
        (Call(nonce="c2hvcnQ"), "parameters"),
        (Call(nonce="A" * 129), "parameters"),
        (Call(nonce="!" * 24), "parameters"),
        (Call(keyid="nobody"), "key"),
        (Call(keyid=""), "key"),
        (Call(extra=";x=1"), "parameters"),
        (Call(method="PURGE"), "form"),
        (Call(path="/_edge/v1/other"), "form"),
        (Call(query="x"), "form"),
    ],
)
def test_a_call_that_is_signed_wrongly_is_not_proved(call: Call, outcome: str) -> None:
    with pytest.raises(Unproved) as caught:
        prove(call.relay())
    assert caught.value.outcome == outcome


@pytest.mark.parametrize(
    "call", [Call(created=int(NOW) + 30, expires=int(NOW) + 330), Call(created=int(NOW) - 90, expires=int(NOW) - 30)]
)
def test_clocks_may_differ_by_half_a_minute(call: Call) -> None:
    assert prove(call.relay()).key is KEY


@pytest.mark.parametrize("now", [KEY.not_before - 1, KEY.not_after + 1])
def test_a_key_outside_its_time_proves_nothing(now: float) -> None:
    with pytest.raises(Unproved) as caught:
        prove(Call(created=int(now), expires=int(now) + 60).relay(), now=now)
    assert caught.value.outcome == "key_time"


def test_another_key_under_the_same_name_proves_nothing() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\2" * 32).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    with pytest.raises(Unproved) as caught:
        prove(Call().relay(), key=replace(KEY, public_key=other))
    assert caught.value.outcome == "signature"


def test_two_purge_signatures_are_one_too_many() -> None:
    relay = Call().relay()
    value = dict(relay.headers)["signature-input"]
    with pytest.raises(Unproved):
        prove(changed(relay, "signature-input", f"{value}, second{value.removeprefix('purge')}"))


def test_before_the_proof_all_answers_are_equal() -> None:
    answers = {repr(refusal(Unproved(outcome))) for outcome in ("key", "time", "digest", "size")}
    assert len(answers) == 1
    answer = refusal(Unproved("key"))
    assert (answer.status, json.loads(answer.body)) == (401, {"error": "signature"})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Replayed("r"), 409),
        (errors.WrongPlace("w"), 421),
        (errors.OutOfScope("o"), 403),
        (errors.BadRequest("b"), 400),
        (errors.UpstreamUnavailable("u"), 503),
        (errors.Overloaded("o"), 503),
    ],
)
def test_after_the_proof_the_answer_says_what_is_wrong(error: errors.MediaError, status: int) -> None:
    assert refusal(error).status == status


def test_a_call_for_another_region_or_host_is_misplaced() -> None:
    check_place(prove(Call().relay()), Call().relay(), NODE)
    check_place(prove(Call(authority="EDGE1.example:8080").relay()), Call(authority="EDGE1.example:8080").relay(), NODE)
    for call in (Call(region="us-east"), Call(authority="edge2.example:8080"), Call(authority="edge1.example:80")):
        with pytest.raises(WrongPlace):
            check_place(prove(call.relay()), call.relay(), NODE)
    with pytest.raises(WrongPlace):
        check_place(prove(Call().relay()), Call().relay(), replace(NODE, region="eu-fr"))


def order(*targets: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"purge_id": "p1", "targets": list(targets)} | fields).encode()


def test_every_selector_is_read() -> None:
    read = read_order(
        order(
            {"asset_id": "a" * 32},
            {"public_id": "x"},
            {"public_id": "y", "type": "private"},
            {"url": "/acme/image/upload/x.jpg"},
            {"tag": "t"},
            {"prefix": "people"},
            {"everything": True},
            {"public_id": "x"},
            mode="hard",
            reason="erasure",
        ),
        "acme",
    )
    assert read.purge_id == "p1"
    targets = read.targets
    assert targets.asset_ids == ("a" * 32,)
    assert targets.public_ids == ("x",)
    assert targets.names == (AssetName(cloud="acme", resource_type="image", delivery_type="private", public_id="y"),)
    assert (targets.urls, targets.tags, targets.prefixes) == (("/acme/image/upload/x.jpg",), ("t",), ("people",))
    assert targets.everything is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 50_000,
        order(),
        order({}),
        order({"public_id": "x", "tag": "y"}),
        order({"public_id": ""}),
        order({"everything": False}),
        order({"everything": True, "tag": "x"}),
        order({"tag": "x", "type": "upload"}),
        order({"subject": "x"}),
        order({"public_id": 5}),
        order({"public_id": "x"}, seq=48213),
        order({"public_id": "x"}, mode="soft"),
        order({"public_id": "x"}, purge_id=""),
        order({"public_id": "x"}, purge_id="a b"),
        order({"public_id": "x"}, purge_id="x" * 65),
    ],
)
def test_a_body_that_is_no_purge_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_order(body, "acme")


def test_a_key_may_only_what_it_was_made_for() -> None:
    narrow = replace(KEY, operations=frozenset({"url"}))
    check_scope(narrow, read_order(order({"url": "/x"}), "acme"))
    for target in ({"everything": True}, {"tag": "t"}, {"prefix": "p"}, {"public_id": "x"}, {"asset_id": "a"}):
        with pytest.raises(OutOfScope):
            check_scope(narrow, read_order(order({"url": "/x"}, target), "acme"))


def test_a_full_url_counts_when_its_host_is_one_of_ours() -> None:
    hosts = {"edge.example:8080"}
    body = order({"url": "http://Edge.example:8080/acme/image/upload/a%2Fb.jpg?x=1"}, {"url": "/acme/image/upload/c"})
    urls = ("/acme/image/upload/a%2Fb.jpg?x=1", "/acme/image/upload/c")
    assert read_order(body, "acme", hosts).targets.urls == urls
    with pytest.raises(BadRequest, match="path of a delivery URL"):
        read_order(order({"url": "http://elsewhere.example/acme/image/upload/a"}), "acme", hosts)

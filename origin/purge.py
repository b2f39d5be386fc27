"""The one door for signed purges: an edge relays the call unread, this file decides whether it is genuine and allowed.

    before the proof    one constant 401; the reason is a metric's label, nothing more
    after it            421 other region or authority, 400 body, 403 scope, 409 replay (decided in the append transaction)

Source: RFC 9421 (HTTP message signatures), RFC 9530 (Content-Digest), edge-http 3.2 rules 1 to 8, decisions H.
The clock is an argument; keys come from the records; nothing here is logged with what the caller sent. What a proved
call asks for is read in purge_order.py; purge_door.py puts the steps in order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, cast

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureComponentResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException, InvalidSignature
from http_message_signatures.resolvers import MappingKeyResolver
from multidict import CIMultiDict

from domicile.media import errors
from domicile.media.errors import MediaError, WrongPlace
from domicile.media.wire import PurgeRelay, Relayed
from domicile.service.signing import BODY_BYTES_MAX, COVERED, LIFETIME_SECONDS_MAX, PURGE_PATH, PURGE_TAG
from origin.nodes import Node
from origin.records import PurgeKey

SKEW_SECONDS_MAX = 30
NONCE_BITS_MIN = 128
NONCE_CHARS_MAX = 128
KEYID_CHARS_MAX = 64
PARAMETERS = frozenset({"created", "expires", "keyid", "alg", "nonce", "tag"})
ONCE = ("host", "content-type", "edge-region", "content-digest", "signature", "signature-input")
"""Header fields that may occur once; a second line is how two readers come to disagree."""

STATUS: dict[type[MediaError], int] = {
    errors.BadSignature: 401,
    errors.Replayed: 409,
    errors.WrongPlace: 421,
    errors.OutOfScope: 403,
    errors.BadRequest: 400,
    errors.LimitExceeded: 400,
    errors.AssetNotFound: 404,
}
"""Answers of the door; what is not here is 503."""
REASONS: dict[type[MediaError], str] = {
    errors.Replayed: "replay",
    errors.WrongPlace: "place",
    errors.OutOfScope: "scope",
    errors.BadRequest: "body",
    errors.LimitExceeded: "body",
}
RETRY_AFTER_SECONDS = 2


class Unproved(errors.BadSignature):
    """The call does not prove who made it. `outcome` is for the metric alone."""

    def __init__(self, outcome: str) -> None:
        super().__init__("signature")
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A call whose signature holds under a registered key; what it may do is not decided yet."""

    key: PurgeKey
    nonce: str
    expires: int
    region: str
    digest: str
    """Hex SHA-256 of the body: identifies the content of a repeated purge_id."""


def claimed_key(relay: PurgeRelay) -> str:
    """The keyid that the one purge signature names, so that its public key can be looked up. Raises Unproved."""
    if len(relay.body) > BODY_BYTES_MAX:
        raise Unproved("size")
    if relay.method != "POST" or relay.path != PURGE_PATH or relay.query:
        raise Unproved("form")
    names = [name.lower() for name, _ in relay.headers]
    if any(names.count(name) > 1 for name in ONCE):
        raise Unproved("form")
    value = dict(relay.headers).get("signature-input")
    if value is None:
        raise Unproved("form")
    try:
        # tltype says which of its many types the parser returns
        parsed = cast("dict[str, Any]", http_sf.parse(value.encode("ascii"), tltype="dictionary"))
        ours = [parameters for _, parameters in parsed.values() if parameters.get("tag") == PURGE_TAG]
    except (ValueError, TypeError, LookupError, AttributeError) as bad:
        raise Unproved("form") from bad
    if len(ours) != 1:
        raise Unproved("form")
    if set(ours[0]) != PARAMETERS:
        raise Unproved("parameters")
    keyid = ours[0]["keyid"]
    if not isinstance(keyid, str) or not 0 < len(keyid) <= KEYID_CHARS_MAX:
        raise Unproved("key")
    return keyid


def verify(relay: PurgeRelay, key: PurgeKey | None, *, now: float) -> Proved:
    """Prove the call under the key it claims. Raises Unproved."""
    if key is None:
        raise Unproved("key")
    if not key.not_before <= now <= key.not_after:
        raise Unproved("key_time")
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    verifier = _Verifier(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={key.keyid: public}, private_keys={}),
        component_resolver_class=_Components,
    )
    verifier.now = now
    message = _Message(relay)
    try:
        results = verifier.verify(message, max_age=None, expect_tag=PURGE_TAG)
        if len(results) != 1:
            raise Unproved("form")
        covered, parameters = results[0].covered_components, results[0].parameters
        if not {f'"{name}"' for name in COVERED} <= set(covered):
            raise Unproved("components")
        _check_parameters(parameters)
        try:
            verifier.verify_body(message, results, relay.body)
        except InvalidSignature as bad:
            raise Unproved("digest") from bad
    except Unproved:
        raise
    except (HTTPMessageSignaturesException, ValueError, TypeError, KeyError) as bad:
        raise Unproved("signature") from bad
    return Proved(
        key=key,
        nonce=str(parameters["nonce"]),
        expires=int(parameters["expires"]),
        region=covered['"edge-region"'],
        digest=hashlib.sha256(relay.body).hexdigest(),
    )


def _check_parameters(parameters: dict[str, Any]) -> None:
    if parameters["alg"] != "ed25519":
        raise Unproved("parameters")
    nonce = parameters["nonce"]
    if len(nonce) > NONCE_CHARS_MAX or not re.fullmatch(r"[A-Za-z0-9_-]+=*", nonce):
        raise Unproved("parameters")
    try:
        random = base64.urlsafe_b64decode(nonce.rstrip("=") + "=" * (-len(nonce.rstrip("=")) % 4))
    except binascii.Error as bad:
        raise Unproved("parameters") from bad
    if len(random) * 8 < NONCE_BITS_MIN:
        raise Unproved("parameters")


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with our clock and our window."""

    now: float = 0.0

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        created, expires = sig_input.params.get("created"), sig_input.params.get("expires")
        if type(created) is not int or type(expires) is not int:
            raise Unproved("parameters")
        if created > self.now + SKEW_SECONDS_MAX or expires < self.now - SKEW_SECONDS_MAX:
            raise Unproved("time")
        if not 0 < expires - created <= LIFETIME_SECONDS_MAX:
            raise Unproved("time")


class _Components(HTTPSignatureComponentResolver):
    """`@authority` is the Host that the edge received, in lower case: the edge's scheme is nobody's business here."""

    def get_authority(self) -> str:
        return str(self.message.authority)


class _Message:
    """A relayed call as the library wants to see it."""

    def __init__(self, relay: PurgeRelay) -> None:
        self.method = relay.method
        self.authority = relay.authority.lower()
        self.url = f"https://{relay.authority}{relay.path}"
        self.headers = CIMultiDict(relay.headers)


def check_place(proved: Proved, relay: PurgeRelay, node: Node) -> None:
    """Raise WrongPlace unless the signer meant the node that the call came to."""
    if proved.region != relay.region or node.region != relay.region:
        raise WrongPlace("This call is for another region")
    if relay.authority.lower() not in {name.lower() for name in node.authorities}:
        raise WrongPlace("This call is for another host")


def refusal(error: MediaError) -> Relayed:
    """What the caller gets for an error. Before the proof it says nothing but 401."""
    if isinstance(error, errors.BadSignature):
        return answer(401, {"error": "signature"})
    for kind in type(error).__mro__:
        if kind in STATUS:
            return answer(STATUS[kind], {"error": REASONS.get(kind, "refused"), "message": error.message})
    return answer(503, {"error": "unavailable"})


def answer(status: int, body: dict[str, Any]) -> Relayed:
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    if status == 503:
        headers.append(("retry-after", str(RETRY_AFTER_SECONDS)))
    return Relayed(status=status, headers=tuple(headers), body=json.dumps(body).encode())

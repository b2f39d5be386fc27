"""An erasure statement is checked by a second implementation, and does not survive a single bit that is turned."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from domicile.media.statement import (
    KEY_STATE_FILE,
    canonical,
    key_id,
    key_state,
    key_state_locked,
    public_key_of,
    sign,
)
from tests.infra.statement_reader import Unsound, check

SEED = bytes(range(32))
BODY: dict[str, Any] = {
    "tenant": "acme",
    "erasure_id": "5f" * 16,
    "issued_at": 1_700_000_000,
    "outcome": "erased",
    "removed": {"versions": 2, "originals": 2, "renditions": 31},
    "versions": ["0a" * 16, "ff" * 16],
    "places": [{"place": "edges", "state": "fenced", "waiting": 0, "seconds_left_max": 0}],
    "odd": ['quote " slash \\ tab \t control \x01 é €', None, True, False, [], {}, -1],
}


def key_of(seed: bytes) -> dict[str, str]:
    """As the API publishes it."""
    public = public_key_of(seed)
    return {"alg": "ed25519", "key_id": key_id(public), "public_key": base64.b64encode(public).decode()}


def text_of(seed: bytes = SEED) -> bytes:
    return json.dumps(sign(BODY, seed).to_mapping(), separators=(",", ":"), ensure_ascii=False).encode()


def test_a_reader_of_the_documentation_finds_it_sound() -> None:
    said = check(text_of(), key_of(SEED))
    assert {name: said[name] for name in BODY} == BODY


def test_how_it_is_spaced_escaped_and_ordered_does_not_matter() -> None:
    mapping = dict(reversed(sign(BODY, SEED).to_mapping().items()))
    assert check(json.dumps(mapping, indent=3, ensure_ascii=True), key_of(SEED))


def test_its_form_is_fixed() -> None:
    """Statements are kept for years: what was signed once must be canonical in the same way later."""
    assert (
        canonical({"b": [1, "é\n"], "a": {"d": None, "c": True}}) == b'{"a":{"c":true,"d":null},"b":[1,"\xc3\xa9\\n"]}'
    )
    assert sign({"n": 1}, SEED).to_mapping() == {
        "n": 1,
        "type": "domicile/erasure-statement/1",
        "key_id": "56475aa75463474c",
        "signature": "b7eJQtuMq6Teu2tcREB9zWcXzOiqQ+2BwSZL+lL4xgUGORKFhpOvMIPfg535+jnZH08h4gWqIk8XciYBguRTBA==",
    }


def test_no_bit_can_be_turned() -> None:
    """Every bit of what the caller got, the signature included."""
    text, key = text_of(), key_of(SEED)
    sound = []
    for at in range(len(text) * 8):
        turned = bytearray(text)
        turned[at // 8] ^= 1 << at % 8
        try:
            check(bytes(turned), key)
        except Unsound:
            continue
        sound.append((at, bytes(turned)))
    assert sound == []


def test_another_key_does_not_do() -> None:
    with pytest.raises(Unsound, match="another key"):
        check(text_of(), key_of(bytes(32)))
    stolen = sign(BODY, bytes(32)).to_mapping() | {"key_id": key_of(SEED)["key_id"]}
    with pytest.raises(Unsound, match="does not hold"):
        check(json.dumps(stolen), key_of(SEED))


@pytest.mark.parametrize("change", [{"outcome": "partial"}, {"added": 1}, {"type": "domicile/other/1"}])
def test_a_member_that_is_changed_or_added_is_noticed(change: dict[str, Any]) -> None:
    with pytest.raises(Unsound):
        check(json.dumps(sign(BODY, SEED).to_mapping() | change), key_of(SEED))


@pytest.mark.parametrize("value", [1.5, [1.0], {"a": {"b": 0.1}}, {1: 2}, {"é": 1}])
def test_what_has_no_canonical_form_is_never_signed(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_each_store_of_roots_is_called_what_its_word_is_worth() -> None:
    assert key_state("file") == KEY_STATE_FILE
    assert key_state("pkcs11") == "sealed (token object destroyed)"
    assert "backups, snapshots or replicas of Vault's storage" in key_state("vault")
    with pytest.raises(KeyError):
        key_state("another")


def test_keys_that_were_under_another_store_are_called_that_too() -> None:
    """The weakest link is named, the last day of each kind, and never the kind of now."""
    past = [("file", 0), ("vault", 86_400), ("file", 2 * 86_400), ("pkcs11", 3 * 86_400)]
    assert key_state("pkcs11", past) == (
        "sealed (token object destroyed"
        "; of keys from before 1970-01-03: file overwritten; not provable on flash, copy-on-write or snapshots"
        "; of keys from before 1970-01-02: Vault transit key deleted; not provable in backups, snapshots or replicas of"
        " Vault's storage)"
    )


def test_what_is_locked_is_not_called_sealed() -> None:
    assert key_state_locked(86_400.0) == "locked until 1970-01-02"

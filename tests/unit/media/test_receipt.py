"""Receipts: what was made holds, and no change of one bit does; two implementations agree."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from deploy import verify_receipt
from domicile.media import merkle
from domicile.media.checkpoint import Checkpoint, key_hash, read_checkpoint, sign_checkpoint, verifier_key
from domicile.media.errors import BadSignature
from domicile.media.receipt import (
    RECEIPT_BYTES_MAX,
    InLog,
    Verifier,
    leaf_of,
    make_receipt,
    parse_receipt,
    read_receipt,
)
from domicile.media.statement import canonical, public_key_of, sign

SEED, LOG_SEED, OTHER_SEED = b"s" * 32, b"l" * 32, b"o" * 32
NAME = "domicile-log/1"
VERIFIER = Verifier(statement_key=public_key_of(SEED), log_name=NAME, log_key=public_key_of(LOG_SEED))
KEYS = {
    "statement": {"public_key": base64.b64encode(VERIFIER.statement_key).decode()},
    "log": {"name": NAME, "public_key": base64.b64encode(VERIFIER.log_key).decode()},
}
INDEX, SIZE = 5, 11


def statement() -> Any:
    body = {
        "tenant": "demo",
        "erasure_id": "e" * 32,
        "issued_at": 1_800_000_000,
        "outcome": "erased",
        "journal": {"epoch": 1, "seq": 7, "chain": "00"},
        "removed": {"versions": 1, "originals": 1, "renditions": 3},
        "places": [{"place": "edges", "state": "fenced"}],
        "residuals": [{"place": "browser caches", "seconds_max": 60}],
    }
    return sign(body, SEED)


def receipt(*, seed: bytes = SEED, log_seed: bytes = LOG_SEED) -> dict[str, Any]:
    said = statement()
    leaf = leaf_of(said, kind="erasure")
    nodes: dict[merkle.Subtree, bytes] = {}
    for index in range(SIZE):
        made = merkle.leaf_hash(canonical(leaf) if index == INDEX else b"%d" % index)
        nodes.update(merkle.completed(index, made, nodes.__getitem__))
    root = merkle.hash_of(merkle.Span(0, SIZE), nodes)
    note = sign_checkpoint(Checkpoint(origin=NAME, size=SIZE, root=root), log_seed)
    proof = merkle.proof(merkle.inclusion_spans(INDEX, SIZE), nodes)
    return make_receipt(said, leaf, InLog(index=INDEX, checkpoint=note, proof=proof), seed)


def holds(made: Any) -> tuple[bool, bool]:
    """Here, and by the verifier that shares no code with it."""
    try:
        read_receipt(made, VERIFIER)
        here = True
    except BadSignature:
        here = False
    try:
        verify_receipt.verify(made, KEYS)
        there = True
    except (verify_receipt.Refused, KeyError, TypeError, ValueError, AttributeError):
        there = False
    return here, there


def test_a_receipt_holds_and_tells_what_was_done() -> None:
    made = parse_receipt(json.dumps(receipt()).encode())
    assert read_receipt(made, VERIFIER)["removed"]["renditions"] == 3
    assert holds(made) == (True, True)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, name)
            yield from leaves(inner, (*path, name))


PATHS = tuple(leaves(receipt()))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_nothing_in_it_can_be_changed_or_left_out(path: tuple[Any, ...]) -> None:
    rng = random.Random(str(path))
    for change in (_bent, _gone):
        made = copy.deepcopy(receipt())
        inner = made
        for name in path[:-1]:
            inner = inner[name]
        change(inner, path[-1], rng)
        assert made != receipt()
        assert holds(made) == (False, False)


def _bent(inner: Any, name: Any, rng: random.Random) -> None:
    value = inner[name]
    match value:
        case int():
            inner[name] = value ^ 1
        case str():
            at = rng.randrange(len(value))
            inner[name] = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
        case _:
            inner[name] = [value]


def _gone(inner: Any, name: Any, rng: random.Random) -> None:
    del inner[name]


INNER = [path for path in PATHS if path[0] in {"statement", "leaf", "log"} and len(path) > 1]


@pytest.mark.parametrize("path", INNER, ids=lambda path: ".".join(map(str, path)))
def test_each_part_is_checked_by_itself(path: tuple[Any, ...]) -> None:
    """Whoever signs receipts cannot put together one that the log, or the statement's own signature, does not bear out."""
    made = copy.deepcopy(receipt())
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    _bent(inner, path[-1], random.Random(str(path)))
    assert holds(signed_anew(made)) == (False, False)


def test_the_log_s_leaf_of_one_erasure_proves_no_other() -> None:
    made = receipt()
    made["statement"] = sign({**statement().body, "erasure_id": "f" * 32}, SEED).to_mapping()
    assert holds(signed_anew(made)) == (False, False)


def signed_anew(made: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in made.items() if name != "signature"}
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(b"domicile/receipt/1\0" + canonical(body))
    return {**body, "signature": base64.b64encode(signature).decode()}


def test_what_is_signed_anew_holds() -> None:
    """A positive control."""
    assert signed_anew(receipt()) == receipt()


@pytest.mark.parametrize("seeds", [{"seed": OTHER_SEED}, {"log_seed": OTHER_SEED}], ids=["receipt", "log"])
def test_another_s_signature_is_none(seeds: dict[str, bytes]) -> None:
    assert holds(receipt(**seeds)) == (False, False)


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b'{"a":1,"a":1}', b"1.5", b"NaN", b"\xff", b"[" * 100_000, b" " * (RECEIPT_BYTES_MAX + 1)],
    ids=["nothing", "torn", "twice", "fraction", "nan", "bytes", "deep", "long"],
)
def test_what_is_no_json_that_means_one_thing_is_refused(text: bytes) -> None:
    with pytest.raises(BadSignature):
        parse_receipt(text)


@pytest.mark.parametrize("made", [None, [], {}, {"type": "domicile/receipt/1"}, 7])
def test_what_is_no_receipt_is_refused(made: Any) -> None:
    assert holds(made) == (False, False)


# --- checkpoints -----------------------------------------------------------------------------------------------------


def note(**changes: Any) -> str:
    return sign_checkpoint(Checkpoint(**{"origin": NAME, "size": 3, "root": b"r" * 32, **changes}), LOG_SEED)


def test_a_checkpoint_is_read_among_the_signatures_of_witnesses() -> None:
    witnessed = note() + f"\N{EM DASH} witness.example {base64.b64encode(b'w' * 68).decode()}\n"
    found = read_checkpoint(witnessed, origin=NAME, public_key=VERIFIER.log_key)
    assert (found.size, found.root) == (3, b"r" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", note().replace("3", "4"), note().replace(NAME, "another"), note(origin="another"), note()[:-1],
        note().replace("\N{EM DASH}", "-"), note(root=b"r" * 31), note() * 100, note().replace("\n3\n", "\n03\n"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_the_log_did_not_sign_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        read_checkpoint(text, origin=NAME, public_key=VERIFIER.log_key)


def test_the_verifier_key_is_written_as_monitors_read_it() -> None:
    """The example of the signed-note specification of C2SP."""
    key = base64.b64decode("AeAM3M8ex2Eh9lfB8t1YWt0sCxcP4BQqUM2ZRkIWl+R1")[1:]
    made = verifier_key("example.com/foo", key)
    assert made.startswith("example.com/foo+")
    assert made.split("+")[1] == key_hash("example.com/foo", key).hex()


# --- canonical JSON --------------------------------------------------------------------------------------------------

NAMES = st.text("abcXYZ019_-\x7f~ ", max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_json_is_that_of_the_rfc(value: Any) -> None:
    try:
        wanted = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(UnicodeEncodeError):
            canonical(value)
        return
    assert canonical(value) == wanted == verify_receipt.canonical(value).encode()


@pytest.mark.parametrize("value", [0.5, {"a": [1.0]}, 2**53, -(2**53), {"ä": 1}, {1: 1}])
def test_what_has_another_form_in_the_rfc_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)

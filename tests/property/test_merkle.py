"""The log's hashes and proofs: against the RFC's own definition, known vectors, and pymerkle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.proof import InvalidProof

from domicile.media import merkle
from domicile.media.merkle import Span, Subtree

LEAVES = tuple(
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
)  # fmt: skip
"""The eight leaves that Certificate Transparency's implementations test with, and the roots of the first n of them."""
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

Log = dict[Subtree, bytes]


def grown(leaves: Sequence[bytes]) -> Log:
    nodes: Log = {}
    for index, leaf in enumerate(leaves):
        asked = set(merkle.before_completing(index))
        known = {subtree: nodes[subtree] for subtree in asked}
        nodes.update(merkle.completed(index, merkle.leaf_hash(leaf), known.__getitem__))
    return nodes


def root(nodes: Log, size: int) -> bytes:
    return merkle.hash_of(Span(0, size), nodes)


def proved(spans: list[Span], nodes: Log) -> list[bytes]:
    """From what `needed` says alone."""
    return merkle.proof(spans, {subtree: nodes[subtree] for subtree in merkle.needed(spans)})


def defined(leaves: Sequence[bytes]) -> bytes:
    """MTH as section 2.1.1 writes it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + defined(leaves[:half]) + defined(leaves[half:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    assert root(grown(LEAVES), size).hex() == ROOTS[size - 1]


def test_a_log_without_leaves_has_a_root_too() -> None:
    assert root({}, 0) == defined(()) == merkle.EMPTY_ROOT


def test_one_row_a_leaf_is_kept_on_average() -> None:
    assert len(grown([b"%d" % number for number in range(1024)])) == 2 * 1024 - 1


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_proof_holds_and_agrees_with_another_implementation(leaves: list[bytes], data: st.DataObject) -> None:
    nodes, size = grown(leaves), len(leaves)
    other = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        other.append_entry(leaf)
    assert root(nodes, size) == defined(leaves) == other.get_root()
    index = data.draw(st.integers(0, size - 1))
    hashes = proved(merkle.inclusion_spans(index, size), nodes)
    assert merkle.is_included(merkle.leaf_hash(leaves[index]), index, size, hashes, root(nodes, size))
    theirs = other.prove_inclusion(index + 1, size)
    verify_inclusion(merkle.leaf_hash(leaves[index]), root(nodes, size), theirs)
    before = data.draw(st.integers(1, size))
    told = proved(merkle.consistency_spans(before, size), nodes)
    assert merkle.is_extended(before, size, told, root(nodes, before), root(nodes, size))
    verify_consistency(root(nodes, before), root(nodes, size), other.prove_consistency(before, size))


@given(st.integers(2, 33), st.data())
def test_no_proof_of_anything_else_holds(size: int, data: st.DataObject) -> None:
    leaves = [b"leaf %d" % number for number in range(size)]
    nodes, index = grown(leaves), data.draw(st.integers(0, size - 1))
    leaf, whole = merkle.leaf_hash(leaves[index]), root(nodes, size)
    hashes = proved(merkle.inclusion_spans(index, size), nodes)
    assert not merkle.is_included(merkle.leaf_hash(b"another"), index, size, hashes, whole)
    assert not merkle.is_included(leaf, (index + 1) % size, size, hashes, whole)
    assert not merkle.is_included(leaf, index, size, hashes[:-1], whole)
    assert not merkle.is_included(leaf, index, size, [*hashes, whole], whole)
    changed = data.draw(st.integers(0, len(hashes) - 1))
    bent = [bytes([part[0] ^ 1]) + part[1:] if at == changed else part for at, part in enumerate(hashes)]
    assert not merkle.is_included(leaf, index, size, bent, whole)


@given(st.integers(2, 33), st.data())
def test_a_log_that_forgot_a_leaf_is_found_out(size: int, data: st.DataObject) -> None:
    leaves = [b"leaf %d" % number for number in range(size)]
    before = data.draw(st.integers(1, size - 1))
    rewritten = [b"another", *leaves[1:]]
    old, new = grown(leaves), grown(rewritten)
    told = proved(merkle.consistency_spans(before, size), new)
    assert not merkle.is_extended(before, size, told, root(old, before), root(new, size))
    assert not merkle.is_extended(before, size, [], root(old, before), root(old, size))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such"):
        merkle.inclusion_spans(index, size)
    assert not merkle.is_included(b"", index, size, [], b"")


def test_the_other_implementation_refuses_what_it_should() -> None:
    """A positive control."""
    other = InmemoryTree(algorithm="sha256")
    for leaf in LEAVES:
        other.append_entry(leaf)
    with pytest.raises(InvalidProof):
        verify_inclusion(merkle.leaf_hash(b"another"), other.get_root(), other.prove_inclusion(3, 8))

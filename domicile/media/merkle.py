"""Hashes and proofs of an append-only log, as RFC 9162 section 2.1 defines them, with SHA-256.

    leaf hash = SHA-256(0x00 ‖ leaf)      node hash = SHA-256(0x01 ‖ left ‖ right)

A log of `size` leaves is a row of perfect subtrees; a subtree is named by (level, number): it covers the leaves from
number·2^level up to (number + 1)·2^level. Who keeps the hash of every perfect subtree (one more row for each leaf, on
average) answers any root or proof by reading a few dozen of them: `needed` says which, and the rest is folding.

Everything here is pure. Proofs are lists of 32-byte hashes in the RFC's order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
PROOF_HASHES_MAX = 128
"""No log that fits a 64-bit size has a longer proof."""
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Subtree(NamedTuple):
    """A perfect subtree."""

    level: int
    number: int


class Span(NamedTuple):
    """Leaves from `start` up to `end`, which is left out; a proof is a list of such."""

    start: int
    end: int


Nodes = Mapping[Subtree, bytes]


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- which hashes ----------------------------------------------------------------------------------------------------


def subtrees(span: Span) -> list[Subtree]:
    """The perfect subtrees that a span of a proof is made of, from left to right: largest first."""
    found, start = [], span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What proves that leaf `index` is in the first `size` ones (RFC 9162 section 2.1.3.1). ValueError when it is not."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path, start, end = list[Span](), 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(start, middle))
            start = middle
    return path[::-1]


def consistency_spans(before: int, size: int) -> list[Span]:
    """What proves that the first `before` leaves are still the first ones of `size` (RFC 9162 section 2.1.4.1)."""
    if not 0 < before <= size:
        raise ValueError("no such log")
    path, start, end, whole = list[Span](), 0, size, True
    while before < end:
        middle = start + _left(end - start)
        if before <= middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(Span(start, end))
    return path[::-1]


def needed(spans: Iterable[Span]) -> set[Subtree]:
    return {subtree for span in spans for subtree in subtrees(span)}


def _left(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- folding ---------------------------------------------------------------------------------------------------------


def hash_of(span: Span, nodes: Nodes) -> bytes:
    """The RFC's MTH of a span of a proof, or of Span(0, size). KeyError when a hash is missing."""
    parts = subtrees(span)
    if not parts:
        return EMPTY_ROOT
    made = nodes[parts[-1]]
    for part in reversed(parts[:-1]):
        made = node_hash(nodes[part], made)
    return made


def proof(spans: Iterable[Span], nodes: Nodes) -> list[bytes]:
    return [hash_of(span, nodes) for span in spans]


def completed(index: int, leaf: bytes, known: Callable[[Subtree], bytes]) -> Iterator[tuple[Subtree, bytes]]:
    """The subtrees that leaf `index`, with this hash, completes: itself first. `known`: hashes of those before it."""
    level, made = 0, leaf
    yield Subtree(0, index), made
    while index & 1:
        made = node_hash(known(Subtree(level, index - 1)), made)
        level, index = level + 1, index >> 1
        yield Subtree(level, index), made


def before_completing(index: int) -> list[Subtree]:
    """The subtrees that `completed` asks for when leaf `index` is appended."""
    found, level = [], 0
    while index & 1:
        found.append(Subtree(level, index - 1))
        level, index = level + 1, index >> 1
    return found


# --- checking --------------------------------------------------------------------------------------------------------


def is_included(leaf: bytes, index: int, size: int, hashes: Sequence[bytes], root: bytes) -> bool:
    """Does the proof show a leaf with this hash at `index` of the log of `size` with this root? (section 2.1.3.2)"""
    if not 0 <= index < size or len(hashes) > PROOF_HASHES_MAX:
        return False
    node, last, made = index, size - 1, leaf
    for part in hashes:
        if last == 0:
            return False
        if node & 1 or node == last:
            made = node_hash(part, made)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            made = node_hash(made, part)
        node, last = node >> 1, last >> 1
    return last == 0 and made == root


def is_extended(before: int, size: int, hashes: Sequence[bytes], root_before: bytes, root: bytes) -> bool:
    """Does the proof show that the log of `size` begins with that of `before`? (section 2.1.4.2)"""
    if not 0 < before <= size or len(hashes) > PROOF_HASHES_MAX:
        return False
    if before == size:
        return not hashes and root_before == root
    path = list(hashes)
    if before & (before - 1) == 0:
        path.insert(0, root_before)
    if not path:
        return False
    node, last = before - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, part)
        node, last = node >> 1, last >> 1
    return last == 0 and old == root_before and new == root

"""Which way characters run: the Unicode Bidirectional Algorithm (UAX 9) for one paragraph, without explicit embeddings.

Marks of direction (LRM, RLM, ALM) count; embeddings, overrides and isolates are taken for nothing, as UAX 9 allows
where they are not supported (its section 4.2). Rule names in comments are those of the annex.
"""

from __future__ import annotations

import unicodedata

BRACKETS = {
    "(": ")",
    "[": "]",
    "{": "}",
    "\u2329": "\u232a",
    "\u3008": "\u3009",
    "\u300a": "\u300b",
    "\u300c": "\u300d",
}
BRACKETS_MAX = 63
"""Of one paragraph, as in BD16."""
_CLOSING = {close: opened for opened, close in BRACKETS.items()}
_STRONG = {"L": 0, "R": 1, "AL": 1}
_NUMBERS = frozenset({"AN", "EN"})
_NOTHING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"})
_NEUTRAL = frozenset({"B", "S", "WS", "ON"})


def base_level(text: str) -> int:
    """P2 and P3: 1 when the first letter with a direction runs right to left, else 0."""
    return next((_STRONG[kind] for kind in map(unicodedata.bidirectional, text) if kind in _STRONG), 0)


def levels(text: str, base: int) -> list[int]:
    """The level of each character; odd ones run right to left."""
    original = [unicodedata.bidirectional(char) or "L" for char in text]
    kept = [n for n, kind in enumerate(original) if kind not in _NOTHING]
    outer = "R" if base else "L"
    kinds = _resolved_weak([original[n] for n in kept], outer)
    _pair_brackets(kinds, [text[n] for n in kept], outer)
    _resolve_neutral(kinds, outer)
    found = [base] * len(text)
    for n, kind in zip(kept, kinds, strict=True):
        found[n] = _implied(kind, base)
    for n in range(len(text)):  # what counts for nothing goes with what is before it
        if original[n] in _NOTHING and n:
            found[n] = found[n - 1]
    _reset_ends(found, original, base)
    return found


def _implied(kind: str, base: int) -> int:
    """I1 and I2."""
    if base % 2:
        return base + (kind != "R")
    return base + (1 if kind == "R" else 2 if kind in _NUMBERS else 0)


def _reset_ends(found: list[int], original: list[str], base: int) -> None:
    """L1: white space at the end of the line, and before a tab, has the level of the paragraph."""
    is_end = True
    for n in range(len(found) - 1, -1, -1):
        kind = original[n]
        is_end = kind in {"S", "B"} or (is_end and (kind == "WS" or kind in _NOTHING))
        if is_end:
            found[n] = base


def _resolved_weak(kinds: list[str], outer: str) -> list[str]:
    """W1 to W7."""
    kinds = list(kinds)
    before, strong = outer, outer
    for n, kind in enumerate(kinds):
        if kind == "NSM":  # W1
            kinds[n] = before
        elif kind in _STRONG:
            strong = kind
        elif kind == "EN" and strong == "AL":  # W2
            kinds[n] = "AN"
        before = kinds[n]
    kinds = ["R" if kind == "AL" else kind for kind in kinds]  # W3
    for n in range(1, len(kinds) - 1):  # W4
        around = {kinds[n - 1], kinds[n + 1]}
        if len(around) == 1 and ((kinds[n] == "ES" and around == {"EN"}) or (kinds[n] == "CS" and around <= _NUMBERS)):
            [kinds[n]] = around
    for start, end in _runs(kinds, frozenset({"ET"})):  # W5
        beside = {kinds[start - 1] if start else "", kinds[end] if end < len(kinds) else ""}
        if "EN" in beside:
            kinds[start:end] = ["EN"] * (end - start)
    kinds = ["ON" if kind in {"ES", "ET", "CS"} else kind for kind in kinds]  # W6
    strong = outer
    for n, kind in enumerate(kinds):  # W7
        if kind in {"L", "R"}:
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[n] = "L"
    return kinds


def _runs(kinds: list[str], wanted: frozenset[str]) -> list[tuple[int, int]]:
    """Stretches of these kinds, as half-open ranges."""
    runs, start = [], None
    for n in range(len(kinds) + 1):
        inside = n < len(kinds) and kinds[n] in wanted
        if inside and start is None:
            start = n
        elif not inside and start is not None:
            runs.append((start, n))
            start = None
    return runs


def _direction(kind: str) -> str:
    """Numbers count as running right to left (N0 to N2)."""
    return "R" if kind in _NUMBERS else kind


def _pair_brackets(kinds: list[str], chars: list[str], outer: str) -> None:
    """N0: a pair of brackets has the direction of what it holds."""
    for opened, closed in _bracket_pairs(kinds, chars):
        inside = {_direction(kind) for kind in kinds[opened + 1 : closed]} & {"L", "R"}
        if not inside:
            continue
        before = next((_direction(k) for k in reversed(kinds[:opened]) if _direction(k) in {"L", "R"}), outer)
        found = outer if outer in inside or before == outer else before
        kinds[opened] = kinds[closed] = found


def _bracket_pairs(kinds: list[str], chars: list[str]) -> list[tuple[int, int]]:
    """BD16."""
    stack: list[tuple[str, int]] = []
    pairs = []
    for n, char in enumerate(chars):
        if kinds[n] != "ON":
            continue
        if char in BRACKETS:
            if len(stack) == BRACKETS_MAX:
                return []
            stack.append((char, n))
        elif char in _CLOSING:
            depth = next((d for d in range(len(stack) - 1, -1, -1) if stack[d][0] == _CLOSING[char]), None)
            if depth is not None:
                pairs.append((stack[depth][1], n))
                del stack[depth:]
    return sorted(pairs)


def _resolve_neutral(kinds: list[str], outer: str) -> None:
    """N1 and N2."""
    for start, end in _runs(kinds, _NEUTRAL):
        before = _direction(kinds[start - 1]) if start else outer
        after = _direction(kinds[end]) if end < len(kinds) else outer
        kinds[start:end] = [before if before == after else outer] * (end - start)


def visual_order(found: list[int]) -> list[int]:
    """L2: the indices from left to right."""
    order = list(range(len(found)))
    for level in range(max(found, default=0), 0, -1):
        start = None
        for n in range(len(order) + 1):
            inside = n < len(order) and found[order[n]] >= level
            if inside and start is None:
                start = n
            elif not inside and start is not None:
                order[start:n] = reversed(order[start:n])
                start = None
    return order

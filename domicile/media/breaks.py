"""Where a line of text may end: after spaces and hyphens, and between the characters of scripts that have no spaces.

The parts of UAX 14 that matter for short texts. Thai, Lao, Khmer and Burmese have no spaces either, but break at words
that only a dictionary tells: their lines break at spaces, and within a word that alone is too wide.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import pairwise

JOINER = "\u200d"
SOFT_SPACE = "\u200b"
GLUE = frozenset("\u00a0\u202f\u2060\ufeff")
AFTER = frozenset("-\u2010\u2012\u2013\u2014\u00ad|")
"""A line may end after these."""
NOT_FIRST = frozenset(
    "!%),.:;?]}¢°·'\"†‡›℃∶、。〃〆〕〗〞﹚﹜！＂％＇），．：；？］｝～》」』】〉’”…‥ー々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
)
"""Not at the beginning of a line."""
NOT_LAST = frozenset("$([{£¥'\"‵〈《「『【〔〖〝﹗﹙﹛＄（．［｛￡￥‘“")
"""Not at its end."""
_IDEOGRAPHIC = (
    (0x2E80, 0x2FFF),
    (0x3001, 0x33FF),
    (0x3400, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFF01, 0xFF60),
    (0x1F000, 0x1FAFF),
    (0x20000, 0x3FFFF),
)
_SKINS = (0x1F3FB, 0x1F3FF)
_EXTENDING = frozenset({"Mn", "Mc", "Me"})


def is_ideographic(char: str) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in _IDEOGRAPHIC)


def clusters(text: str) -> list[tuple[int, int]]:
    """What readers take for one character: a letter with its marks, a joined emoji. Half-open ranges."""
    starts = [n for n in range(len(text)) if n == 0 or not _extends(text[n - 1], text[n])]
    return list(pairwise([*starts, len(text)]))


def _extends(before: str, char: str) -> bool:
    code = ord(char)
    if unicodedata.category(char) in _EXTENDING or char in {JOINER, "\u200c"} or _SKINS[0] <= code <= _SKINS[1]:
        return True
    return before == JOINER and is_ideographic(char)


def may_break(text: str, n: int) -> bool:
    """May a line end before `text[n]`, which begins a cluster?"""
    before, after = text[n - 1], text[n]
    if before in GLUE or after in GLUE or after.isspace():
        return False
    if before.isspace() or before == SOFT_SPACE:
        return True
    if after in NOT_FIRST or before in NOT_LAST:
        return False
    if before in AFTER:
        return n > 1 and not text[n - 2].isspace() and not after.isdigit()
    base = next((char for char in reversed(text[:n]) if unicodedata.category(char) not in _EXTENDING), before)
    return is_ideographic(base) or is_ideographic(after)


def broken(text: str, width: float, width_of: Callable[[int, int], float]) -> list[str]:
    """The lines of a paragraph, none wider than `width` unless a single cluster is. Spaces at their ends are gone.

    `width_of`: of the clusters from one (by number) to another.
    """
    parts = clusters(text)
    lines: list[str] = []
    first = 0
    while first < len(parts):
        last = _last_that_fits(text, parts, first, width, width_of)
        lines.append(text[parts[first][0] : parts[last - 1][1]].rstrip(" "))
        first = last
        while first < len(parts) and text[parts[first][0] : parts[first][1]] == " ":
            first += 1
    return lines or [""]


def _last_that_fits(
    text: str, parts: list[tuple[int, int]], first: int, width: float, width_of: Callable[[int, int], float]
) -> int:
    """The cluster behind the line that begins at `first`: the last place for a break, else the last that fits."""
    fits, best = first + 1, 0
    for n in range(first + 1, len(parts) + 1):
        is_space = text[parts[n - 1][0]] == " "
        if not is_space and width_of(first, n) > width and n > first + 1:
            break
        fits = n
        if n < len(parts) and may_break(text, parts[n][0]):
            best = n
    else:
        return len(parts)
    return best or fits

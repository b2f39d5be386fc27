"""Words of a text, as `field:value` sees them: case and the way a letter is composed do not matter, punctuation parts them."""

from __future__ import annotations

import unicodedata

_PARTING = frozenset("ZPC")
"""General categories, by their first letter: separators, punctuation (the underscore too), controls."""


def is_parting(character: str) -> bool:
    return unicodedata.category(character)[0] in _PARTING


_ASCII = {code: " " for code in range(128) if is_parting(chr(code))}


def words_of(text: str) -> tuple[str, ...]:
    """In order, repeated ones repeated.

    >>> words_of("people/Jane_Doe-2 🎉")
    ('people', 'jane', 'doe', '2', '🎉')
    """
    if text.isascii():  # most are, and an index is filled with many
        return tuple(text.lower().translate(_ASCII).split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    parted = "".join(" " if is_parting(character) else character for character in folded)
    return tuple(word for word in parted.split(" ") if word)

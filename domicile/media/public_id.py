"""What a public_id may look like, so that every accepted one can be written as a URL and read back from it."""

from __future__ import annotations

import unicodedata

PUBLIC_ID_CHARS_MAX = 255
"""Cloudinary's limit."""
FOLDER_CHARS_MAX = 255
"""Of the path of an asset folder, wherever it comes from: given, made, or grown by a move. An index of PostgreSQL takes no row
of more than 2,704 bytes.
"""


def public_id_problem(text: str) -> str | None:
    """Why `text` cannot name an asset, in words for the caller; None when it can.

    Bidirectional marks and zero-width characters are allowed and make different names: nothing is folded or trimmed.
    """
    if not text:
        return "public_id is missing"
    if len(text) > PUBLIC_ID_CHARS_MAX:
        return "public_id is too long"
    if "\\" in text or any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        return "public_id contains a character that is not allowed"
    if any(segment in {"", ".", ".."} for segment in text.split("/")):
        return "public_id contains an empty or dot segment"
    return None

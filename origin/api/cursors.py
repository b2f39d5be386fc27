"""`next_cursor` of listings that go on behind a word: the last one shown, in base64."""

from __future__ import annotations

import base64
import binascii

from domicile.media.errors import BadRequest


def cursor_behind(word: str) -> str:
    return base64.urlsafe_b64encode(word.encode()).decode()


def word_of(cursor: str) -> str:
    """Of the first page: "". Raises BadRequest for what is no cursor."""
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as bad:
        raise BadRequest("Invalid value for parameter next_cursor") from bad

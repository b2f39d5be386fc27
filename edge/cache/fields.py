"""Header fields as they came: an ordered tuple, so that what is forwarded keeps its order, case and repetitions.

Text is Latin-1, so that every byte of a field has its character and goes out as it came in (RFC 9110 section 5.5).
"""

from __future__ import annotations

from collections.abc import Collection

Fields = tuple[tuple[str, str], ...]

WORD_CHARACTERS = r"!#$%&'*+.^_`|~0-9A-Za-z-"


def values(fields: Fields, name: str) -> list[str]:
    """One text a line, trimmed. `name` in lower case."""
    return [value.strip(" \t") for key, value in fields if key.lower() == name]


def first(fields: Fields, name: str) -> str | None:
    found = values(fields, name)
    return found[0] if found else None


def joined(fields: Fields, name: str) -> str | None:
    """All lines as one, or None (RFC 9110 section 5.3)."""
    found = values(fields, name)
    return ", ".join(found) if found else None


def members(fields: Fields, name: str) -> list[str]:
    """Members of a list-based field: over all lines, trimmed, empty ones left out."""
    return split_list(",".join(values(fields, name)))


def without(fields: Fields, names: Collection[str]) -> Fields:
    """The fields but these; `names` in lower case."""
    return tuple(field for field in fields if field[0].lower() not in names)


def split_list(text: str, *, with_empty: bool = False) -> list[str]:
    """Split at commas that are not inside a quoted string. A quote that is never closed reaches to the end.

    `with_empty`: also what stands between two commas, or beside one, and is nothing.
    """
    if '"' not in text:
        return [trimmed for part in text.split(",") if (trimmed := part.strip(" \t")) or with_empty]
    parts: list[str] = []
    start, at, quoted = 0, 0, False
    while at < len(text):
        char = text[at]
        if quoted and char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return [trimmed for part in parts if (trimmed := part.strip(" \t")) or with_empty]


def unquoted(text: str) -> str | None:
    """The content of a quoted string, or None when it is none."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return None
    content: list[str] = []
    inside = iter(text[1:-1])
    for char in inside:
        if char == '"':
            return None
        if char == "\\":
            escaped = next(inside, None)
            if escaped is None:
                return None
            content.append(escaped)
        else:
            content.append(char)
    return "".join(content)

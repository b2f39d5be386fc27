"""What the pages have in common: how values stand in the cells of a table."""

from __future__ import annotations

from typing import Any

from domicile.service.settings import GIB, KIB, MIB, Secret

MADE = "Made by `make docs` from the code; a test compares. Do not edit."


def shown(value: Any, *, in_bytes: bool) -> str:
    match value:
        case None | "" | ():
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case Secret():
            return "`***`"
        case int() | float():
            return number(value, in_bytes=in_bytes)
        case tuple():
            return f"`{', '.join(map(str, value))}`"
        case _:
            return f"`{value}`"


def number(value: float, *, in_bytes: bool) -> str:
    whole = int(value)
    if whole != value:
        return f"{value:g}"
    for unit, size in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if in_bytes and whole >= size and whole % size == 0:
            return f"{whole // size} {unit}"
    return f"{whole:_}"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

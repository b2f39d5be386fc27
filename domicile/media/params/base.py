"""What a parameter is, and the number tokens that most of them share.

digit    = %x30-39                        ; ASCII only: other scripts' digits are not numbers here
integer  = 1*6digit
decimal  = 1*4digit "." 1*20digit         ; the point is what tells a share from pixels
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domicile.media.transformation import Component

INTEGER = re.compile(r"[0-9]{1,6}", re.ASCII)
DECIMAL = re.compile(r"[0-9]{1,4}\.[0-9]{1,20}", re.ASCII)


class Malformed(ValueError):
    """The value does not follow its grammar line. Stays inside the language: grammar.py names the component."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One key of the URL language.

    `read` turns the text after `key_` into fields of a Component, or raises Malformed;
    `write` gives that text back in its canonical spelling, or None when the component does not ask for it.
    Given more than once in a component: with `is_last_word` the last one counts; with `joined_by` they are one value,
    joined by that; otherwise that is refused.
    """

    key: str
    read: Callable[[str], Mapping[str, Any]]
    write: Callable[[Component], str | None]
    is_last_word: bool = False
    joined_by: str = ""


def read_integer(text: str, *, low: int, high: int) -> int:
    """A whole number without sign, in [low, high]."""
    if INTEGER.fullmatch(text) is None:
        raise Malformed
    return within(int(text), low, high)


def read_signed(text: str, *, low: int, high: int) -> int:
    """A whole number that may be negative, in [low, high]."""
    digits = text.removeprefix("-")
    value = read_integer(digits, low=0, high=max(abs(low), abs(high)))
    return within(-value if digits != text else value, low, high)


def within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Malformed
    return value


def read_decimal(text: str, *, places: int) -> float:
    """A number with a decimal point, rounded to `places` so that its canonical text reads back as the same float."""
    if DECIMAL.fullmatch(text) is None:
        raise Malformed
    return float(round(Decimal(text), places))


def write_decimal(value: float, *, places: int) -> str:
    """The shortest text with a decimal point and at most `places` places.

    >>> write_decimal(2.0, places=4), write_decimal(0.25, places=4)
    ('2.0', '0.25')
    """
    text = f"{value:.{places}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text

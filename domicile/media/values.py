"""What a program computes with: numbers and texts, how they are counted, compared and written. Pure.

Numbers are exact fractions; a computed size is rounded half up, and one between 0 and 1 is a share of the side. Texts compare as
numbers when both sides look like numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from domicile.media.expression import spell_text
from domicile.media.params.base import Malformed, write_decimal

NUMBER_MAX = 10**9
"""Nothing that a picture can be asked for is larger."""
DENOMINATOR_MAX = 10**9
EXPONENT_MAX = 32
SHARE_KEYS = frozenset({"w", "h"})
"""Where a computed number between 0 and 1 can only be a share."""
DECIMAL_PLACES = {"ar": 6, "dpr": 4, "z": 4}
SHARE_PLACES = 6

_NUMERIC = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number; `written` as in the URL when nothing was computed, so that 0.5 stays a share."""

    value: Fraction
    written: str = ""


Value = Amount | str


def number_of(value: Value) -> Fraction:
    """Raises Malformed."""
    number = _as_number(value)
    if number is None:
        raise Malformed
    return number


def _as_number(value: Value) -> Fraction | None:
    if isinstance(value, Amount):
        return value.value
    return Fraction(value) if _NUMERIC.fullmatch(value) else None


def text_of(value: Value) -> str:
    return value if isinstance(value, str) else value.written or _whole_or_decimal(value.value)


def computed(operator: str, left: Fraction, right: Fraction) -> Fraction:
    """Exact, but for denominators nobody can see. Raises Malformed for a division by 0 and for what grows too large."""
    try:
        result = _operated(operator, left, right)
    except ZeroDivisionError:
        raise Malformed from None
    if abs(result) > NUMBER_MAX:
        raise Malformed
    return result.limit_denominator(DENOMINATOR_MAX)


def _operated(operator: str, left: Fraction, right: Fraction) -> Fraction:
    match operator:
        case "add":
            return left + right
        case "sub":
            return left - right
        case "mul":
            return left * right
        case "div":
            return left / right
        case "mod":
            return left % right
        case _:  # pow
            if right.denominator != 1 or abs(right) > EXPONENT_MAX:
                raise Malformed
            return Fraction(left ** int(right))


def compared(relation: str, left: Value, right: Value) -> bool:
    """Raises Malformed when texts are asked which is larger."""
    numbers = _as_number(left), _as_number(right)
    if numbers[0] is None or numbers[1] is None:
        if relation not in {"eq", "ne"}:
            raise Malformed
        return (text_of(left) == text_of(right)) is (relation == "eq")
    first, second = numbers[0], numbers[1]
    return {
        "eq": first == second,
        "ne": first != second,
        "lt": first < second,
        "lte": first <= second,
        "gt": first > second,
        "gte": first >= second,
    }[relation]


def spell(value: Value, key: str) -> str:
    """A value as the parameter's own grammar writes it. `key`: "" for one piece among others."""
    if isinstance(value, str):
        return spell_text(value)
    if value.written:
        return value.written
    if key in DECIMAL_PLACES:
        return write_decimal(float(value.value), places=DECIMAL_PLACES[key])
    if key in SHARE_KEYS and 0 < value.value < 1:
        return write_decimal(float(value.value), places=SHARE_PLACES)
    return str(_half_up(value.value))


def _half_up(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def _whole_or_decimal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else write_decimal(float(value), places=SHARE_PLACES)

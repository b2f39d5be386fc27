"""Is a condition true of one document? For what is few and kept nowhere, such as folders."""

from __future__ import annotations

from origin.search.conditions import (
    Begins,
    Between,
    Both,
    Condition,
    Either,
    Every,
    Neither,
    Nothing,
    OneOf,
    Words,
)
from origin.search.document import Document


def is_true(condition: Condition, document: Document) -> bool:
    match condition:
        case Every():
            return True
        case Nothing():
            return False
        case Words(fields, words, goes_on):
            wanted = f" {' '.join(words)}" + " " * (not goes_on)
            return any(wanted in text for name, text in document.texts if name in fields)
        case OneOf(field, texts):
            return any(text in texts for text in _texts(document, field))
        case Begins(field, start):
            return any(text.startswith(start) and text for text in _texts(document, field))
        case Between():
            return any(_lies(number, condition) for number in _numbers(document, condition.field))
        case Neither(inner):
            return not is_true(inner, document)
        case Both(parts):
            return all(is_true(part, document) for part in parts)
        case Either(parts):
            return any(is_true(part, document) for part in parts)


def _texts(document: Document, field: str) -> list[str]:
    scalar = document.scalars.get(field)
    return [scalar] if isinstance(scalar, str) else [text for name, text in document.values if name == field]


def _numbers(document: Document, field: str) -> list[float]:
    scalar = document.scalars.get(field)
    if isinstance(scalar, int | float):
        return [scalar]
    return [number for (name, _), number in document.values.items() if name == field and number is not None]


def _lies(number: float, there: Between) -> bool:
    low, high = there.low, there.high
    is_above = low is None or number > low or (number == low and there.includes_low)
    return is_above and (high is None or number < high or (number == high and there.includes_high))

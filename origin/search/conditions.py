"""What an expression asks, in terms of the index: names of columns and rows, folded words, numbers, keyed hashes.

An expression is resolved once, with its time; what comes out is compiled to SQL by the index, or judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domicile.media.errors import BadRequest
from origin.search import expression as e
from origin.search.fields import BARE_FIELDS, BARE_FOLDER_FIELDS, Field, Kind, asset_field, folder_field
from origin.search.values import Span, read_date, read_number, read_ratio, read_time
from origin.search.words import is_parting, words_of

ACTIVE = "active"
"""The `status` of everything that is here: what is deleted has gone."""


@dataclass(frozen=True, slots=True)
class Every:
    """Always true."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Never true."""


@dataclass(frozen=True, slots=True)
class Words:
    """One value of one of the fields has these words side by side; with `goes_on` the last may be longer."""

    fields: tuple[str, ...]
    words: tuple[str, ...]
    goes_on: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of the field is exactly one of these."""

    field: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begins:
    """A value of the field begins so; with the empty text: it has one."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Between:
    """A number of the field lies there; None leaves an end open."""

    field: str
    low: float | None
    high: float | None
    includes_low: bool
    includes_high: bool


@dataclass(frozen=True, slots=True)
class Neither:
    """Not this."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """All of them."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of them."""

    parts: tuple[Condition, ...]


_COMPARED = frozenset({Kind.NUMBER, Kind.RATIO, Kind.TIME, Kind.OPEN})

Condition = Every | Nothing | Words | OneOf | Begins | Between | Neither | Both | Either


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an expression does not say itself."""

    now: float
    field_of: Callable[[str], Field]
    bare: tuple[str, ...]
    hashed: Callable[[str], str]
    """Of the identifier of a person."""


def of_assets(*, now: float, hashed: Callable[[str], str]) -> Meaning:
    return Meaning(now=now, field_of=asset_field, bare=BARE_FIELDS, hashed=hashed)


def of_folders(*, now: float) -> Meaning:
    return Meaning(now=now, field_of=folder_field, bare=BARE_FOLDER_FIELDS, hashed=lambda text: text)


def resolve(node: e.Node, meaning: Meaning) -> Condition:
    """Raises BadRequest for an unknown field, and for a value that its field cannot have."""
    match node:
        case e.Everything():
            return Every()
        case e.Bare(text):
            return _words(meaning.bare, text, "a term without a field")
        case e.Compare():
            return _compare(node, meaning)
        case e.Range():
            return _range(node, meaning)
        case e.Not(inner):
            return Neither(resolve(inner, meaning))
        case e.And(parts):
            return Both(tuple(resolve(part, meaning) for part in parts))
        case e.Or(parts):
            return Either(tuple(resolve(part, meaning) for part in parts))


def _compare(node: e.Compare, meaning: Meaning) -> Condition:
    field = meaning.field_of(node.field)
    if node.operator in {":", "="} and field.kind not in {Kind.NUMBER, Kind.RATIO, Kind.TIME}:
        return _named(node, field, meaning)
    if node.text.goes_on:
        if node.operator in {":", "="} and not node.text.value:
            return Between(field.name, None, None, includes_low=False, includes_high=False)
        raise _bad(node.field, "is compared with a number or a time, without a star")
    span = _span(node.field, field, node.text, meaning)
    if field.name == "duration":
        return Nothing()
    match node.operator:
        case ">":
            return Between(field.name, span.end, None, includes_low=not span.is_point, includes_high=False)
        case ">=":
            return Between(field.name, span.start, None, includes_low=True, includes_high=False)
        case "<":
            return Between(field.name, None, span.start, includes_low=False, includes_high=False)
        case "<=":
            return Between(field.name, None, span.end, includes_low=False, includes_high=span.is_point)
        case _:
            if field.kind is Kind.TIME and span.is_point:
                raise _bad(node.field, "needs >, >=, <, <= or a range beside so long ago")
            return Between(field.name, span.start, span.end, includes_low=True, includes_high=span.is_point)


def _range(node: e.Range, meaning: Meaning) -> Condition:
    field = meaning.field_of(node.field)
    if field.kind not in _COMPARED:
        raise _bad(node.field, "is a text: use : or =")
    low = None if _is_open(node.low) else _span(node.field, field, node.low, meaning)
    high = None if _is_open(node.high) else _span(node.field, field, node.high, meaning)
    if field.name == "duration":
        return Nothing()
    return Between(
        field.name,
        None if low is None else low.start if node.includes_low else low.end,
        None if high is None else high.end if node.includes_high else high.start,
        includes_low=low is not None and (node.includes_low or not low.is_point),
        includes_high=high is not None and node.includes_high and high.is_point,
    )


def _is_open(text: e.Text) -> bool:
    return text.goes_on and not text.value


def _named(node: e.Compare, field: Field, meaning: Meaning) -> Condition:
    """`:` or `=` on what is no number."""
    text = node.text
    match field.kind:
        case Kind.KEYWORD if field.name == "status":
            return Every() if _matches(ACTIVE, text) else Nothing()
        case Kind.KEYWORD:
            return _exactly(field.name, e.Text(text.value.lower(), text.goes_on))
        case Kind.PATH:
            return _path(field.name, text)
        case Kind.HASHED:
            if text.goes_on:
                raise _bad(node.field, "is asked for as a whole")
            return OneOf(field.name, (meaning.hashed(text.value),))
        case _:
            pass
    if node.operator == "=" or _is_open(text):
        return _exactly(field.name, text)
    return _words((field.name,), text, node.field)


def _matches(value: str, text: e.Text) -> bool:
    return value.startswith(text.value.lower()) if text.goes_on else value == text.value.lower()


def _exactly(field: str, text: e.Text) -> Condition:
    return Begins(field, text.value) if text.goes_on else OneOf(field, (text.value,))


def _path(field: str, text: e.Text) -> Condition:
    """`a/*`: the folder and all below it."""
    path = text.value.strip("/")
    if not text.goes_on:
        return OneOf(field, (path,))
    if not text.value.endswith("/"):
        return Begins(field, text.value.lstrip("/")) if path else Every()
    return within(field, path) if path else Every()


def within(field: str, folder: str) -> Condition:
    """In a folder, or in one below it. That it begins so says nothing more, and is a range that an index answers."""
    return Both((Begins(field, folder), Either((OneOf(field, (folder,)), Begins(field, f"{folder}/")))))


def _words(fields: tuple[str, ...], text: e.Text, said: str) -> Condition:
    if _is_open(text):
        return Every()
    words = words_of(text.value)
    if not words:
        raise _bad(said, "needs a letter or a digit; what has none is found with =")
    return Words(fields, words, text.goes_on and not is_parting(text.value[-1]))


def _span(said: str, field: Field, text: e.Text, meaning: Meaning) -> Span:
    if text.goes_on:
        raise _bad(said, "is compared with a number or a time, without a star")
    found: Span | None = None
    match field.kind:
        case Kind.NUMBER:
            found = read_number(text.value)
        case Kind.RATIO:
            found = read_ratio(text.value)
        case Kind.TIME:
            found = read_time(text.value, now=meaning.now)
        case Kind.OPEN:
            found = read_number(text.value) or read_date(text.value)
        case _:
            raise _bad(said, "is a text: use : or =")
    if found is None:
        raise _bad(said, "needs a time" if field.kind is Kind.TIME else "needs a number")
    return found


def _bad(field: str, why: str) -> BadRequest:
    return BadRequest(f"Invalid expression: {field[:64]} {why}")

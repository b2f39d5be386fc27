"""From a question to SQL, for both databases; what they do not have in common is in `Holds`, at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FunctionElement,
    Insert,
    Select,
    and_,
    delete,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import KeyedColumnElement

from origin.catalogue import search_tables as t
from origin.catalogue.sql import batches
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
from origin.search.query import Query

Clause = ColumnElement[bool]
_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_NO_NUMBER = -1.0
"""Where an asset without that number stands in an order."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one document is in the tables."""

    asset: dict[str, Any]
    words: list[dict[str, Any]]
    phrases: list[dict[str, Any]]
    values: list[dict[str, Any]]


def rows_of(document: Document) -> Rows:
    tenant = document.scalars["tenant"]
    doc = t.doc_of(str(document.scalars["asset_id"]))
    return Rows(
        asset={"doc": doc, **document.scalars},
        words=[{"doc": doc, "field": name, "word": word, "tenant": tenant} for name, word in document.words],
        phrases=[{"doc": doc, "field": name, "text": text} for name, text in document.texts if text.count(" ") > 2],
        values=[
            {"doc": doc, "field": name, "text": text, "tenant": tenant, "number": number}
            for (name, text), number in document.values.items()
        ],
    )


def inserts(many: Iterable[Rows]) -> list[tuple[Insert, list[dict[str, Any]]]]:
    """Of documents that are not there."""
    every = list(many)
    pairs = (
        (t.asset, [rows.asset for rows in every]),
        (t.word, [row for rows in every for row in rows.words]),
        (t.phrase, [row for rows in every for row in rows.phrases]),
        (t.value, [row for rows in every for row in rows.values]),
    )
    return [(insert(table), rows) for table, rows in pairs if rows]


def deletes(asset_ids: Iterable[str]) -> list[Any]:
    """Those that return rows tell tenant and bytes of each asset that was there."""
    found: list[Any] = []
    for docs in batches(t.doc_of(asset_id) for asset_id in asset_ids):
        found.append(delete(t.asset).where(t.asset.c.doc.in_(docs)).returning(t.asset.c.tenant, t.asset.c.bytes))
        found += [delete(table).where(table.c.doc.in_(docs)) for table in (t.word, t.phrase, t.value)]
    return found


def page(query: Query) -> Select[Any]:
    """asset_id and the values of the order, of at most `limit` rows after the place."""
    keys = [_sort_key(name) for name, _ in query.order]
    asked = select(t.asset.c.asset_id, *keys).where(_where(query.tenant, query.condition))
    if query.after is not None:
        asked = asked.where(_after(query.order, keys, query.after))
    directions = [key.desc() if descends else key.asc() for key, (_, descends) in zip(keys, query.order, strict=True)]
    return asked.order_by(*directions).limit(query.limit)


def count(tenant: str, condition: Condition) -> Select[Any]:
    return select(func.count()).select_from(t.asset).where(_where(tenant, condition))


def counted_by(tenant: str, condition: Condition, field: str, limit: int) -> Select[Any]:
    """(value, how many), the most common first."""
    column = t.asset.c[field]
    asked = select(column, func.count()).where(_where(tenant, condition)).group_by(column)
    return asked.order_by(func.count().desc(), column).limit(limit)


def first_folder(tenant: str, after: str, under: str) -> Select[Any]:
    """The first asset folder in use after a text, of those that begin so."""
    column = t.asset.c.asset_folder
    return select(func.min(column)).where(t.asset.c.tenant == tenant, column > after, _begins(column, under))


def child_of(folder: str, under: str) -> tuple[str, str]:
    """The folder right below that leads to one further down, and the text that all behind it come after."""
    child, slash, _ = folder[len(under) :].partition("/")
    return child, f"{under}{child}/{chr(_LAST)}" if slash else folder


def folders(tenant: str, limit: int) -> Select[Any]:
    column = t.asset.c.asset_folder
    return select(column).where(t.asset.c.tenant == tenant, column > "").distinct().order_by(column).limit(limit)


def resource_types(tenant: str) -> Select[Any]:
    column = t.asset.c.resource_type
    return select(column).where(t.asset.c.tenant == tenant).distinct().order_by(column)


def tags(tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> Select[Any]:
    text = t.value.c.text
    tagged = t.value.join(t.asset, t.asset.c.doc == t.value.c.doc)
    return (
        select(text)
        .select_from(tagged)
        .where(t.value.c.tenant == tenant, t.value.c.field == "tags", text > after, _begins(text, prefix))
        .where(t.asset.c.resource_type == resource_type)
        .distinct()
        .order_by(text)
        .limit(limit)
    )


def clause(tenant: str, condition: Condition) -> Clause:
    """The condition over `search_asset`; never NULL, so that NOT means not."""
    match condition:
        case Every():
            return true()
        case Nothing():
            return false()
        case Words():
            return _words(tenant, condition)
        case OneOf() | Begins() | Between():
            return _field(tenant, condition)
        case Neither(inner):
            return not_(clause(tenant, inner))
        case Both(parts):
            return and_(true(), *(clause(tenant, part) for part in parts))
        case Either(parts):
            return or_(false(), *(clause(tenant, part) for part in parts))


def _where(tenant: str, condition: Condition) -> Clause:
    """Where rows beside the asset say which are meant, these are read first, and not every asset of the tenant: SQLite, which
    keeps no statistics, would go through an index over the tenant if it could.
    """
    is_of = t.asset.c.tenant.concat("") if _is_named(condition) else t.asset.c.tenant
    return and_(is_of == tenant, clause(tenant, condition))


def _is_named(condition: Condition) -> bool:
    """Do rows beside the asset name all that can match?"""
    match condition:
        case Words():
            return True
        case OneOf(field) | Begins(field) | Between(field):
            return field not in t.SCALARS
        case Both(parts):
            return any(map(_is_named, parts))
        case Either(parts):
            return bool(parts) and all(map(_is_named, parts))
        case _:
            return False


def _words(tenant: str, asked: Words) -> Clause:
    """The longest whole word by the index, as it may be the rarest; words side by side are looked at in what that leaves."""
    word, is_alone = t.word.c, len(asked.words) == 1
    if is_alone and asked.goes_on:
        matches = _begins(word.word, asked.words[0])
    else:
        matches = word.word == max(asked.words[:-1] if asked.goes_on else asked.words, key=len)
    found = select(word.doc).where(word.tenant == tenant, word.field.in_(asked.fields), matches)
    if not is_alone:
        text = f" {' '.join(asked.words)}" + " " * (not asked.goes_on)
        found = found.join(t.phrase, and_(t.phrase.c.doc == word.doc, t.phrase.c.field == word.field))
        found = found.where(Holds(t.phrase.c.text, text))
    return t.asset.c.doc.in_(found)


def _field(tenant: str, asked: OneOf | Begins | Between) -> Clause:
    """A column's, or that of any row of the asset."""
    value, is_scalar = t.value.c, asked.field in t.SCALARS
    if isinstance(asked, Between):
        matches = _between(t.asset.c[asked.field] if is_scalar else value.number, asked)
    else:
        column = t.asset.c[asked.field] if is_scalar else value.text
        matches = _begins(column, asked.text) if isinstance(asked, Begins) else column.in_(asked.texts)
    if is_scalar:
        return matches
    return t.asset.c.doc.in_(select(value.doc).where(value.tenant == tenant, value.field == asked.field, matches))


def _begins(column: ColumnElement[Any], start: str) -> Clause:
    """A range, so that an index answers it."""
    if not start:
        return column > ""
    end = successor(start)
    return column >= start if end is None else and_(column >= start, column < end)


def successor(start: str) -> str | None:
    """The first text after all that begin so, by code points; None when there is none.

    >>> successor("people/")
    'people0'
    """
    while start:
        code = ord(start[-1])
        if code < _LAST:
            following = code + 1 if not _SURROGATES[0] <= code + 1 <= _SURROGATES[1] else _SURROGATES[1] + 1
            return start[:-1] + chr(following)
        start = start[:-1]
    return None


def _between(column: ColumnElement[Any], there: Between) -> Clause:
    parts: list[Clause] = [column.is_not(None)]
    if there.low is not None:
        parts.append(column >= there.low if there.includes_low else column > there.low)
    if there.high is not None:
        parts.append(column <= there.high if there.includes_high else column < there.high)
    return and_(*parts)


def _sort_key(name: str) -> ColumnElement[Any]:
    column = t.asset.c[name]
    return column if name in t.ALWAYS else func.coalesce(column, _NO_NUMBER)


def _after(order: Sequence[tuple[str, bool]], keys: Sequence[ColumnElement[Any]], place: Sequence[Any]) -> Clause:
    """Rows behind a place: equal so far, and then further on."""
    steps = []
    for at, (_, descends) in enumerate(order):
        same = [key == held for key, held in zip(keys[:at], place, strict=False)]
        steps.append(and_(*same, keys[at] < place[at] if descends else keys[at] > place[at]))
    return or_(*steps)


class Holds(FunctionElement[bool]):
    """Is a text part of another? Both databases can tell, each under its own name."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, text: KeyedColumnElement[str], part: str) -> None:
        super().__init__(text, part)


@compiles(Holds, "sqlite")
def _in_sqlite(element: Holds, compiler: SQLCompiler, **how: Any) -> str:
    return f"instr({compiler.process(element.clauses, **how)}) > 0"


@compiles(Holds, "postgresql")
def _in_postgresql(element: Holds, compiler: SQLCompiler, **how: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **how)}) > 0"

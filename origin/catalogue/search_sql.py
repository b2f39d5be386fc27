"""From a question to SQL, for both databases; what they do not have in common is in `Holds`, at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FunctionElement,
    Select,
    Table,
    and_,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import KeyedColumnElement

from origin.catalogue import search_tables as t
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
from origin.search.values import Scalar

Clause = ColumnElement[bool]
_NAMED = frozenset({"public_id", "asset_folder"})
"""Columns that have an index of their own."""
_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_NO_NUMBER = -1.0
"""Where an asset without that number stands in an order."""


Row = tuple[Scalar, ...]
"""In the order of the table's columns: there are many, and a name beside each value would cost more than the value."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one document is in the tables."""

    asset_id: str
    doc: int
    size: tuple[str, int]
    asset: Row
    words: list[Row]
    phrases: list[Row]
    values: list[Row]


def rows_of(document: Document) -> Rows:
    scalars = document.scalars
    tenant, asset_id = scalars["tenant"], str(scalars["asset_id"])
    doc = t.doc_of(asset_id)
    return Rows(
        asset_id=asset_id,
        doc=doc,
        size=(str(tenant), int(scalars["bytes"] or 0)),
        asset=(doc, *(scalars[name] for name in t.COLUMNS)),
        words=[(doc, name, word, tenant) for name, word in _keys(document.words)],
        phrases=[(doc, at, t.field_of(name), text) for at, (name, text) in enumerate(document.texts) if _is_kept(text)],
        values=[
            (doc, at, t.field_of(name), *t.key_of(text), tenant, number)
            for at, ((name, text), number) in enumerate(document.values.items())
        ],
    )


def _keys(words: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(t.field_of(name), t.key_of(word)[0]) for name, word in words}


def _is_kept(text: str) -> bool:
    """Several words, or one of which an index holds only the beginning."""
    return text.count(" ") > 2 or len(text) > t.KEY_CHARS_MAX


def rows_by_table(many: Iterable[Rows]) -> list[tuple[Table, list[Row]]]:
    every = list(many)
    pairs = (
        (t.asset, [rows.asset for rows in every]),
        (t.word, [row for rows in every for row in rows.words]),
        (t.phrase, [row for rows in every for row in rows.phrases]),
        (t.value, [row for rows in every for row in rows.values]),
    )
    return [(table, rows) for table, rows in pairs if rows]


def drop(docs: Sequence[int]) -> Select[Any]:
    """All of it in one statement, and how many assets were there, with how many bytes; PostgreSQL's alone."""
    gone = [delete(table).where(table.c.doc.in_(docs)) for table in t.TABLES]
    assets = gone[0].returning(t.asset.c.bytes).cte("assets_gone")
    rest = [one.cte(f"rest_{at}_gone") for at, one in enumerate(gone[1:])]
    return select(func.count(), func.coalesce(func.sum(assets.c.bytes), 0)).select_from(assets).add_cte(*rest)


def deletes(docs: Sequence[int]) -> list[Any]:
    """The one that returns rows tells tenant and bytes of each asset that was there."""
    first = delete(t.asset).where(t.asset.c.doc.in_(docs)).returning(t.asset.c.tenant, t.asset.c.bytes)
    return [first, *(delete(table).where(table.c.doc.in_(docs)) for table in t.TABLES[1:])]


def page(query: Query, *, sorts: bool = False) -> Select[Any]:
    """asset_id and the values of the order, of at most `limit` rows after the place. `sorts`: all that match are found first, and
    put in order then, which PostgreSQL is told by an OFFSET that it does not look behind.
    """
    keys = [_sort_key(name) for name, _ in query.order]
    asked = select(t.asset.c.asset_id, *keys).where(_where(query.tenant, query.condition))
    if query.after is not None:
        asked = asked.where(_after(query.order, keys, query.after))
    if sorts:
        named = [key.label(f"key_{at}") for at, key in enumerate(keys)]
        inner = asked.with_only_columns(t.asset.c.asset_id, *named).offset(0).subquery()
        keys = [inner.c[f"key_{at}"] for at in range(len(keys))]
        asked = select(inner.c.asset_id, *keys)
    directions = [key.desc() if descends else key.asc() for key, (_, descends) in zip(keys, query.order, strict=True)]
    return asked.order_by(*directions).limit(query.limit)


def count(tenant: str, condition: Condition) -> Select[Any]:
    return select(func.count()).select_from(t.asset).where(_where(tenant, condition))


def naming(condition: Condition) -> Condition | None:
    """What the condition says of names or folders, if it does: all that can match has to fulfil it."""
    match condition:
        case OneOf(field) | Begins(field) if field in _NAMED:
            return condition
        case Both(parts):
            return next((one for part in parts if (one := naming(part)) is not None), None)
        case Either(parts) if parts and all(naming(part) is not None for part in parts):
            return condition
        case _:
            return None


def few(tenant: str, condition: Condition, most: int) -> Select[Any]:
    """How many match; `most` + 1 are as many as more."""
    some = select(t.asset.c.doc).where(t.asset.c.tenant == tenant, clause(tenant, condition)).limit(most + 1)
    return select(func.count()).select_from(some.subquery())


def counted_by(tenant: str, condition: Condition, field: str, limit: int) -> Select[Any]:
    """(value, how many), the most common first."""
    column = t.asset.c[field]
    asked = select(column, func.count()).where(_where(tenant, condition)).group_by(column)
    return asked.order_by(func.count().desc(), column).limit(limit)


def first_folder(tenant: str, after: str, under: str) -> Select[Any]:
    """The first asset folder in use after a text, of those that begin so."""
    column = t.asset.c.asset_folder
    return select(func.min(column)).where(t.asset.c.tenant == tenant, column > _storable(after), _begins(column, under))


def longest_folder(tenant: str, folder: str) -> Select[Any]:
    """Characters of the longest asset folder in use: that one, or one below it."""
    column = t.asset.c.asset_folder
    inside = or_(column == folder, _begins(column, f"{folder}/"))
    return select(func.coalesce(func.max(func.length(column)), 0)).where(t.asset.c.tenant == tenant, inside)


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
    text = t.value.c.key
    tagged = t.value.join(t.asset, t.asset.c.doc == t.value.c.doc)
    return (
        select(text)
        .select_from(tagged)
        .where(t.value.c.tenant == tenant, t.value.c.field == "tags", text > _storable(after), _begins(text, prefix))
        .where(t.asset.c.resource_type == resource_type)
        .distinct()
        .order_by(text)
        .limit(limit)
    )


def clause(tenant: str, condition: Condition) -> Clause:
    """The condition over `search_asset`; never NULL, so that NOT means not."""
    if docs := _docs(tenant, condition):
        return t.asset.c.doc.in_(docs[0] if len(docs) == 1 else union(*docs))
    match condition:
        case Every():
            return true()
        case Nothing():
            return false()
        case OneOf() | Begins() | Between():
            return _matches(t.asset.c[condition.field], condition)
        case Neither(inner):
            return not_(clause(tenant, inner))
        case Both(parts):
            return and_(true(), *(clause(tenant, part) for part in parts))
        case Either(parts):
            return or_(false(), *(clause(tenant, part) for part in parts))
        case _:  # words, and fields of rows beside the asset: see `_docs`
            raise ValueError(condition)


def _docs(tenant: str, condition: Condition) -> list[Select[Any]]:
    """The assets of which rows beside them make it true, as sets that are joined; none where others have a say. Of several such
    conditions any of which is enough there is one set: with an OR of two PostgreSQL would go through all assets.
    """
    match condition:
        case Words():
            return [_words(tenant, condition)]
        case OneOf(field) | Begins(field) | Between(field) if field not in t.SCALARS:
            value = t.value.c
            is_mine = and_(value.tenant == tenant, value.field == t.field_of(field))
            return [select(value.doc).where(is_mine, _matches_value(condition))]
        case Either(parts):
            found = [_docs(tenant, part) for part in parts]
            return [one for some in found for one in some] if all(found) else []
        case _:
            return []


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


def _words(tenant: str, asked: Words) -> Select[Any]:
    """The longest whole word by the index, as it may be the rarest; words side by side are looked at in what that leaves."""
    word, is_alone = t.word.c, len(asked.words) == 1
    fields = [t.field_of(field) for field in asked.fields]
    if is_alone and asked.goes_on:
        longest = asked.words[0]
        matches = _begins(word.word, t.key_of(longest)[0])
    else:
        longest = max(asked.words[:-1] if asked.goes_on else asked.words, key=len)
        matches = word.word == t.key_of(longest)[0]
    found = select(word.doc).where(word.tenant == tenant, word.field.in_(fields), matches)
    if not is_alone or len(longest) > t.KEY_CHARS_MAX:
        text = f" {' '.join(asked.words)}" + " " * (not asked.goes_on)
        found = found.join(t.phrase, and_(t.phrase.c.doc == word.doc, t.phrase.c.field == word.field))
        found = found.where(Holds(t.phrase.c.text, text))
    return found


def _matches(column: ColumnElement[Any], asked: OneOf | Begins | Between) -> Clause:
    match asked:
        case Between():
            return _between(column, asked)
        case Begins(_, start):
            return _begins(column, start)
        case OneOf(_, texts):
            return column.in_(list(filter(_can_be, texts)))


def _matches_value(asked: OneOf | Begins | Between) -> Clause:
    """The same of a text that lies in two columns."""
    value = t.value.c
    match asked:
        case Between():
            return _between(value.number, asked)
        case Begins(_, start):
            key, rest = t.key_of(start)
            return and_(value.key == key, _begins(value.rest, rest)) if rest else _begins(value.key, key)
        case OneOf(_, texts):
            split = [t.key_of(text) for text in texts if _can_be(text)]
            key_is = value.key.in_([key for key, _ in split])
            return and_(key_is, or_(false(), *(and_(value.key == key, value.rest == rest) for key, rest in split)))


def _can_be(text: str) -> bool:
    """PostgreSQL takes no zero, not even to say that nothing has one."""
    return "\0" not in text


def _storable(after: str) -> str:
    """The same texts come after it, as none has a zero."""
    return after.partition("\0")[0]


def _begins(column: ColumnElement[Any], start: str) -> Clause:
    """A range, so that an index answers it."""
    if not _can_be(start):
        return false()
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
    (_, descends), key, first = order[0], keys[0], place[0]
    return and_(key <= first if descends else key >= first, or_(*steps))  # the first says where in an index to begin


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

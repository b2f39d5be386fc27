"""What is asked of a search index and told of it, over a connection of either database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select

from origin.catalogue import search_sql as sql
from origin.search.conditions import Both, Condition
from origin.search.query import Counting, Found, Hit, Query

SORTED_MAX = 5000
"""Assets that are put in order one by one; where more have such names, a page of them is soon found by time."""
VALUES_MAX = 100
"""Values that results are counted by, of one field."""


def page(db: Connection, query: Query) -> tuple[Hit, ...]:
    asked = sql.page(query, sorts=_sorts(db, query))
    return tuple(Hit(asset_id=row[0], place=tuple(row[1:])) for row in db.execute(asked))


def _sorts(db: Connection, query: Query) -> bool:
    """The tables have no statistics of names, which would be names in a logged table. So PostgreSQL takes one asset in 200 for one
    with the name, and for the newest of a few among a million it would look through most of them by time.
    """
    named = sql.naming(query.condition)
    if named is None or db.dialect.name != "postgresql":
        return False
    return number(db, sql.few(query.tenant, named, SORTED_MAX)) <= SORTED_MAX


def found(db: Connection, query: Query, counts: Sequence[Counting]) -> Found:
    tenant, condition = query.tenant, query.condition
    told: dict[str, dict[str, int]] = {}
    for one in counts:
        if one.ranges:
            told[one.field] = {name: count(db, tenant, Both((condition, there))) for name, there in one.ranges}
        else:
            rows = db.execute(sql.counted_by(tenant, condition, one.field, VALUES_MAX))
            told[one.field] = {row[0]: row[1] for row in rows}
    return Found(hits=page(db, query), total=count(db, tenant, condition), counts=told)


def count(db: Connection, tenant: str, condition: Condition) -> int:
    counted: int = db.execute(sql.count(tenant, condition)).scalar_one()
    return counted


def texts(db: Connection, asked: Select[Any]) -> list[str]:
    return list(db.execute(asked).scalars())


def number(db: Connection, asked: Select[Any]) -> int:
    return int(db.execute(asked).scalar_one())


def folders_below(db: Connection, tenant: str, parent: str, limit: int) -> list[str]:
    """Leaps from folder to folder: what it costs follows from how many there are, and not from their assets."""
    under = f"{parent}/" if parent else ""
    children, at = dict[str, None](), under
    while len(children) < limit and (folder := db.execute(sql.first_folder(tenant, at, under)).scalar()):
        child, at = sql.child_of(folder, under)
        children[child] = None
    return list(children)

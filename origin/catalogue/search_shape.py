"""The tables of the search index on a PostgreSQL server: how they are made, and what they are known to hold.

They are not logged: no row of theirs is in the WAL, in a base backup or on a standby, and a server that has crashed empties
them. What its planner knows of a table is logged, and would hold values: of every column that can tell of anybody it knows
nothing (`SET STATISTICS 0`), in spite of which every question is answered by an index (tests/integration/test_search_plans.py).

`search_state` says of each cloud up to which number of its journal the index has everything. It is written in every change's
transaction, so that it is the head's number as long as nobody else has changed anything. How many assets the index has of the
cloud, and how many bytes, is kept there as well: each upload to a cloud with quotas asks for it. A comment on it, which a crash leaves
there, says which shape the tables have; other ones are thrown away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, MetaData, String, Table, TextClause, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from origin.catalogue import search_tables as t
from origin.catalogue.search_sql import Rows

DOCUMENTS = 1
"""Raise it when the index is to hold something else of an asset: what was built before is then built anew."""
TELLING = frozenset({"tenant", "resource_type", "type", "format", "access_mode", "transparent", "grayscale"})
"""Columns of `search_asset` with few values, which say nothing of anybody, and of which the planner has to know how few."""

state = Table(
    "search_state",
    MetaData(),
    Column("tenant", String, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("assets", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
EVERY = (*t.TABLES, state)

Position = tuple[int, int]
"""(epoch, number) of a journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the index has of one cloud."""

    position: Position
    """Everything that was committed up to there is in it."""
    whole: bool
    """And everything before it was begun, too."""


NOTHING: Mapping[str, Any] = {"assets": 0, "bytes": 0}
"""Sums of an empty index."""


def grown(assets: int, size: int) -> dict[str, Any]:
    """The sums with so much more in the index. The row is locked by this: by whoever writes, as the last thing that he does."""
    return {"assets": state.c.assets + assets, "bytes": state.c.bytes + size}


def is_stale(heads: Mapping[str, Position], held: Mapping[str, Held]) -> bool:
    """Has anything changed that the index was not told of? Then nobody knows what it should not have any more."""
    return {tenant: one.position for tenant, one in held.items()} != dict(heads)


def insertion() -> TextClause:
    """Rows of all tables of the index in one exchange, a parameter for each column: see `columns_of`."""
    parts, parameters = [], []
    for table in t.TABLES:
        names = ", ".join(f'"{column.name}"' for column in table.c)
        arrays = ", ".join(f"CAST(:{table.name}_{name} AS {_word(column)}[])" for name, column in table.c.items())
        parts.append(f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})")  # noqa: S608 - ours
        parameters += [bindparam(f"{table.name}_{name}", type_=ARRAY(column.type)) for name, column in table.c.items()]
    first = ", ".join(f"rows_{at} AS ({part})" for at, part in enumerate(parts[:-1]))
    return text(f"WITH {first} {parts[-1]}").bindparams(*parameters)


def columns_of(rows: Rows) -> dict[str, list[Any]]:
    """Its parameters."""
    many = (t.asset, [rows.asset]), (t.word, rows.words), (t.phrase, rows.phrases), (t.value, rows.values)
    return {
        f"{table.name}_{name}": [row[at] for row in mine]
        for table, mine in many
        for at, name in enumerate(table.c.keys())
    }


def _word(column: Column[Any]) -> str:
    return column.type.compile(dialect=postgresql.dialect()).partition(" COLLATE")[0]  # type: ignore[no-untyped-call]


def _tables() -> tuple[str, ...]:
    made = list[str]()
    for table in EVERY:
        made.append(_compiled(CreateTable(table)).replace("CREATE TABLE", "CREATE UNLOGGED TABLE", 1))
        made += [_compiled(CreateIndex(index)) for index in sorted(table.indexes, key=lambda one: str(one.name))]
        # The planner keeps samples of what it knows in tables that are logged.
        quiet = [column.name for column in table.c if not (table is t.asset and column.name in TELLING)]
        made.append(f"ALTER TABLE {table.name} " + ", ".join(f"ALTER COLUMN {one} SET STATISTICS 0" for one in quiet))
    return tuple(made)


def _compiled(made: CreateTable | CreateIndex) -> str:
    return str(made.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


SHAPE = hashlib.sha256("\n".join((str(DOCUMENTS), *_tables())).encode()).hexdigest()


def statements() -> tuple[str, ...]:
    """Make the tables, instead of any that are there."""
    gone = [f"DROP TABLE IF EXISTS {table.name}" for table in EVERY]
    return (*gone, *_tables(), f"COMMENT ON TABLE {state.name} IS '{SHAPE}'")

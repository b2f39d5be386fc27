"""The tables of the search index in memory, and how they are written anew (ADR 0046).

SQLite moves rows between the pages of a B-tree and leaves bytes of them where they were; `secure_delete` overwrites what is
deleted, and not those, and VACUUM does nothing to a database in memory. So what is there is copied into another database beside
it, which takes its place:

    begin    attach an empty one           step     copy the assets that come next, COPY_ASSETS of them
    step     … at the end: copy again what has changed since it was copied; when nothing is left, detach the old one

Tables are named without their database, and SQLite takes those of the one that was attached first: detaching it is the change.

Rules of the file: synchronous, in the index's thread alone; a question waits for one step at most.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateIndex, CreateTable

from origin.catalogue import search_tables as t

COPY_ASSETS = 200
"""Of one step."""
CHANGED_MAX = 50_000
"""Assets that have changed since they were copied; with more, the copy is given up, and another one is begun later."""
_DOC_MAX = 2**63 - 1


class TooManyChanges(Exception):
    """The copy was given up."""


class Copies:
    """The database of now, and perhaps the one that takes its place."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._numbers = itertools.count()
        self._now = self._attach()
        self._next: str | None = None
        self._copied = -1
        """Documents up to this one are in the next database."""
        self._changed: set[int] = set()
        """Of those, which have changed since."""

    @property
    def size(self) -> int:
        """Bytes of the database of now."""
        pages, page = (
            self._db.exec_driver_sql(f"PRAGMA {self._now}.{what}").scalar() for what in ("page_count", "page_size")
        )
        return int(pages or 0) * int(page or 0)

    def note(self, docs: Iterable[int]) -> None:
        """They have changed, or are gone."""
        if self._next is not None:
            self._changed.update(doc for doc in docs if doc <= self._copied)

    def begin(self) -> None:
        self.give_up()  # what an earlier one may have left
        self._next, self._copied = self._attach(), -1

    def step(self) -> bool:
        """Copy some more; True once the copy has taken its place. Raises TooManyChanges."""
        if len(self._changed) > CHANGED_MAX:
            raise TooManyChanges
        if self._copied < _DOC_MAX:
            self._copy_on()
            return False
        self._copy_again([self._changed.pop() for _ in range(min(len(self._changed), COPY_ASSETS))])
        if self._changed:
            return False
        self._db.exec_driver_sql(f"DETACH {self._now}")
        self._now, self._next = str(self._next), None
        return True

    def give_up(self) -> None:
        """Let go of a copy that is not complete."""
        if self._next is not None:
            with contextlib.suppress(DatabaseError):  # it is looked through for nothing, and goes with the process
                self._db.exec_driver_sql(f"DETACH {self._next}")
        self._next = None
        self._changed.clear()

    def _copy_on(self) -> None:
        asked = f"SELECT doc FROM {self._now}.{t.asset.name} WHERE doc > ? ORDER BY doc LIMIT 1 OFFSET ?"  # noqa: S608 - ours
        last = self._db.exec_driver_sql(asked, (self._copied, COPY_ASSETS - 1)).scalar()
        upto = _DOC_MAX if last is None else int(last)
        self._write("doc > ? AND doc <= ?", (self._copied, upto))
        self._copied = upto

    def _copy_again(self, docs: list[int]) -> None:
        if docs:
            self._write(f"doc IN ({', '.join('?' * len(docs))})", tuple(docs), is_again=True)

    def _write(self, which: str, values: tuple[int, ...], *, is_again: bool = False) -> None:
        self._db.exec_driver_sql("BEGIN")
        try:
            for table in t.TABLES:
                there, here = f"{self._next}.{table.name}", f"{self._now}.{table.name}"
                if is_again:
                    self._db.exec_driver_sql(f"DELETE FROM {there} WHERE {which}", values)  # noqa: S608 - ours
                self._db.exec_driver_sql(f"INSERT INTO {there} SELECT * FROM {here} WHERE {which}", values)  # noqa: S608
        except BaseException:
            self._db.exec_driver_sql("ROLLBACK")
            raise
        self._db.exec_driver_sql("COMMIT")

    def _attach(self) -> str:
        name = f"index_{next(self._numbers)}"
        self._db.exec_driver_sql(f"ATTACH ':memory:' AS {name}")
        for table in t.TABLES:
            self._db.exec_driver_sql(_compiled(CreateTable(table)).replace("CREATE TABLE ", f"CREATE TABLE {name}.", 1))
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                made = _compiled(CreateIndex(index))
                self._db.exec_driver_sql(made.replace("CREATE INDEX ", f"CREATE INDEX {name}.", 1))
        return name


def _compiled(made: CreateTable | CreateIndex) -> str:
    return str(made.compile(dialect=sqlite.dialect()))

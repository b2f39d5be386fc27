"""Statements are compiled once for all databases of a kind that a process of tests opens, one after the other.

SQLAlchemy keeps what it has compiled with each engine, and thousands of tests open a few new ones each: to compile the same statements
for them again was a third of what such a test took. What is compiled depends on the statement and on the kind of the database, so
engines whose dialects are of one class share what they keep. Nothing of ours knows of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import util
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

STATEMENTS_MAX = 4000
"""Of one kind of database."""

_kept: dict[type, util.LRUCache[Any, Any]] = {}


def _of_its_kind(engine: Engine) -> util.LRUCache[Any, Any]:
    return _kept.setdefault(type(engine.dialect), util.LRUCache(STATEMENTS_MAX))


def share() -> None:
    """From now on, in this process."""
    own = property(_of_its_kind, lambda engine, kept: None)  # what an engine makes for itself is not kept
    Engine._compiled_cache = own  # type: ignore[assignment]
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign,assignment]

"""The catalogue's tables of what a change leaves to be done after it; see `origin.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, String, Table

from origin.catalogue.tables import metadata

_CLOUD, _HEX128 = String(63), String(32)

task = Table(
    "task",
    metadata,
    Column("id", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column(
        "kind",
        String(16),
        nullable=False,
        comment="notice: to be told to somebody; polled: to be fetched; eager: to be rendered",
    ),
    Column("aid", _HEX128, nullable=False, comment="whose it is: it goes with that version"),
    Column("created_at", Float(53), nullable=False),
    Column("due_at", Float(53), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", LargeBinary, nullable=False, comment="sealed under the aid's meta subkey"),
    Column("channel", _HEX128, nullable=True, comment="keyed hash of where one that is polled waits"),
    Index(None, "aid"),
    Index(None, "kind", "due_at"),
    Index(None, "tenant", "channel"),
    Index(None, "created_at"),
    comment="what a change leaves to be done after it, written in its transaction",
)

told_of = Table(
    "told_of",
    metadata,
    Column("aid", _HEX128, primary_key=True, comment="whose key the notice of a delete is under: see `task`"),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of what selects an asset that it tells of"),
    Column("tenant", _CLOUD, nullable=False),
    Index(None, "tenant", "hash"),
    comment="whom notices of deletes tell of: an erase takes those that wait",
)

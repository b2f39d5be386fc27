"""The search index's tables: plaintext, so they lie in memory (SQLite) or are not logged (PostgreSQL), and are rebuilt from
the sealed records whenever they are not there (decisions L). No migration knows them.

Plain B-trees and no full-text engine: what is deleted from them is overwritten at once (`secure_delete`), and both
databases mean the same by a word (ADR 0033).
"""

from __future__ import annotations

import hashlib

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, text

metadata = MetaData()
_FIELD_CHARS_KEPT = 60

_TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Ordered by code points in both databases."""
_DOC = BigInteger().with_variant(Integer, "sqlite")
KEY_CHARS_MAX = 255
"""Of a word or a value that an index holds; PostgreSQL's take no row of more than 2,704 bytes. What is longer is compared
beside it, in `search_phrase` or `rest`.
"""
FIELD_CHARS_MAX = 100
"""Of the name of a field; a longer one (a key of context) ends in its hash."""
TEXT_COLUMNS = (
    "tenant",
    "asset_id",
    "resource_type",
    "type",
    "public_id",
    "folder",
    "asset_folder",
    "display_name",
    "filename",
    "format",
    "etag",
    "access_mode",
    "transparent",
    "grayscale",
)
NUMBER_COLUMNS = ("created_at", "bytes", "width", "height", "aspect_ratio", "pixels", "pages", "faces")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS)
ALWAYS = frozenset({*TEXT_COLUMNS, "created_at", "bytes"})
"""Columns that every asset has a value in."""
SCALARS = frozenset(COLUMNS)

asset = Table(
    "search_asset",
    metadata,
    Column("doc", _DOC, primary_key=True, autoincrement=False),
    *(Column(name, _TEXT, nullable=False) for name in TEXT_COLUMNS),
    *(Column(name, Float(53), nullable=name not in ALWAYS) for name in NUMBER_COLUMNS),
    Index("search_asset_by_time", "tenant", "created_at", "asset_id"),
    Index("search_asset_by_type", "tenant", "type"),
    Index("search_asset_by_name", "tenant", "public_id"),
    Index("search_asset_by_folder", "tenant", "asset_folder"),
)

word = Table(
    "search_word",
    metadata,
    Column("doc", _DOC, primary_key=True),
    Column("field", _TEXT, primary_key=True),
    Column("word", _TEXT, primary_key=True),
    Column("tenant", _TEXT, nullable=False),
    Index("search_word_by_word", "tenant", "field", "word", "doc"),
    sqlite_with_rowid=False,
)

# The words of one value, with a space around each, where it has two, or one that is longer than an index takes.
phrase = Table(
    "search_phrase",
    metadata,
    Column("doc", _DOC, primary_key=True),
    Column("at", Integer, primary_key=True, autoincrement=False),
    Column("field", _TEXT, nullable=False),
    Column("text", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

value = Table(
    "search_value",
    metadata,
    Column("doc", _DOC, primary_key=True),
    Column("at", Integer, primary_key=True, autoincrement=False),
    Column("field", _TEXT, nullable=False),
    Column("key", _TEXT, nullable=False),
    Column("rest", _TEXT, nullable=False),
    Column("tenant", _TEXT, nullable=False),
    Column("number", Float(53)),
    Index("search_value_by_text", "tenant", "field", "key", "doc"),
    Index(
        "search_value_by_number",
        "tenant",
        "field",
        "number",
        sqlite_where=text("number IS NOT NULL"),
        postgresql_where=text("number IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)


def field_of(name: str) -> str:
    """As the tables have it."""
    if len(name) <= FIELD_CHARS_MAX:
        return name
    return f"{name[:_FIELD_CHARS_KEPT]}#{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def key_of(text: str) -> tuple[str, str]:
    """(what an index holds of a word or a value, the rest)"""
    return text[:KEY_CHARS_MAX], text[KEY_CHARS_MAX:]


TABLES = (asset, word, phrase, value)


def doc_of(asset_id: str) -> int:
    """63 of its random bits: the same in every process, and no counter to keep."""
    return int(asset_id[:16], 16) >> 1

"""Tables of where bytes are and were, beside what `version` and `backup` tell: see `origin.records.placements`.

Like the other tables they hold numbers, random ids and keyed hashes only.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table, false

from origin.catalogue.tables import backup, metadata, version

_CLOUD, _HEX128 = String(63), String(32)

placement = Table(
    "placement",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("place", _HEX128, primary_key=True, comment="the id of an edge node, or `store`: where originals lie"),
    Column("tenant", _CLOUD, nullable=False),
    Column("asset_id", _HEX128, nullable=False, comment="whose version it is; empty: of nothing that is known here"),
    Column("region", String(32), nullable=False),
    Column("since", Float(53), nullable=True, comment="none: nobody knows any more"),
    Column("seen_at", Float(53), nullable=False, comment="when the place last told of it"),
    Column("is_listed", Boolean, nullable=False, server_default=false(), comment="found by the place among its files"),
    Column("goes_since", Float(53), nullable=True, comment="since when it should not be there any more"),
    Column("gone_at", Float(53), nullable=True),
    Column(
        "why", String(16), nullable=False, server_default="", comment="of records.placements.Why: why it goes, or went"
    ),
    Index(None, "tenant", "asset_id"),
    Index(None, "place", "tenant", "seen_at"),
    comment="copies at edges, and originals that are not the current version's; a row goes with its asset",
)

crawl = Table(
    "crawl",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("after", String(96), nullable=False, comment="key of the last original that was compared"),
    Column("began_at", Float(53), nullable=False),
    Column("finished_at", Float(53), nullable=True, comment="none: it is under way"),
    Column("compared", BigInteger, nullable=False),
    Column("found", LargeBinary, nullable=False, comment="msgpack of records.crawl.Found: counts and some aids"),
    Column(
        "last", LargeBinary, nullable=True, comment="msgpack of records.crawl.Crawled: how the last whole one ended"
    ),
    comment="how far the comparison of these records with the stores has come",
)

for _versions in (version, backup):
    Index(None, _versions.c.tenant, _versions.c.aid)  # the crawler compares them by key with what stores list

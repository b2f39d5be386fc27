"""Tables of what CDNs in front still have to forget. What stands at the head of `tables` holds here, too."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table

from origin.catalogue.tables import metadata

__all__ = ["cdn_purge", "metadata", "shared_lifetime"]

_CLOUD, _HEX128 = String(63), String(32)

cdn_purge = Table(
    "cdn_purge",
    metadata,
    Column("id", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="of the journal entry that it is made for"),
    Column("account", String(32), nullable=False),
    Column("tags", LargeBinary, nullable=False, comment="msgpack of outward tags"),
    Column("stage", String(8), nullable=False),
    Column("rank", Integer, nullable=False, comment="lower ones are called for first: erasures"),
    Column("due_at", Float(53), nullable=False, comment="the next call; once it is over, when it was"),
    Column("fenced_at", Float(53), nullable=False),
    Column("first_at", Float(53), nullable=False, comment="when the CDN had carried the first purge out"),
    Column("in_flight", Float(53), nullable=False, comment="D + T, seconds"),
    Column("lifetime", Float(53), nullable=False, comment="the longest k * C of copies of then, seconds"),
    Column("attempts", Integer, nullable=False),
    Column("token", String(64), nullable=False, comment="of a purge that has begun there"),
    Column("said", String(160), nullable=False),
    Index(None, "account", "stage", "rank", "due_at"),
    Index(None, "stage", "tenant", "seq"),
    Index(None, "tenant", "seq"),
    comment="purges at CDNs, written with the entry that they are made for",
)

shared_lifetime = Table(
    "shared_lifetime",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("seconds", Integer, nullable=False, comment="C of the policy in force"),
    Column("longer_seconds", Integer, nullable=False, comment="a longer one before it"),
    Column("longer_until", Float(53), nullable=False, comment="by when nobody gave copies away under that any more"),
    comment="how long copies in shared caches were told to live",
)

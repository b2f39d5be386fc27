"""Tables of what data subjects are due: exports that wait to be fetched, cases with their dates, recipients of versions.

Like the other tables they hold numbers, keyed hashes and sealed blobs only.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table

from origin.catalogue.tables import metadata

_CLOUD, _HEX128 = String(63), String(32)

subject_export = Table(
    "subject_export",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("id", _HEX128, primary_key=True),
    Column(
        "plan",
        LargeBinary,
        nullable=True,
        comment="sealed under the token of its link, which is nowhere here; none: it was used, or is too old",
    ),
    Column("state", String(16), nullable=False, comment="of records.exports.ExportState"),
    Column("versions", Integer, nullable=False),
    Column("files", Integer, nullable=False),
    Column("gone", Integer, nullable=False, comment="of the versions: those that were no more when it was fetched"),
    Column("body_bytes", BigInteger, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False),
    Column("kept_until", Float(53), nullable=False),
    Column("leaf", BigInteger, nullable=True, comment="number in the audit log of what says that it was fetched"),
    Index(None, "expires_at"),
    Index(None, "kept_until"),
    comment="exports for persons: links that work once, and what became of them",
)

subject_case = Table(
    "subject_case",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("id", _HEX128, primary_key=True),
    Column("is_open", Boolean, nullable=False),
    Column("due_day", Integer, nullable=False, comment="the last day, as days since 1970-01-01"),
    Column("told", Integer, nullable=False, comment="the notices that were left of it: records.cases.Told"),
    Column("kept_until", Float(53), nullable=True, comment="set when it is closed"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
    Index(None, "tenant", "is_open", "due_day"),
    Index(None, "is_open", "told", "due_day"),
    Index(None, "kept_until"),
    comment="requests of persons, and the day by which each must be answered",
)

recipient = Table(
    "recipient",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the kind and of who it is"),
    Column("tenant", _CLOUD, nullable=False),
    Column("kind", String(16), nullable=False, comment="of records.recipients.RecipientKind"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under the aid's meta subkey"),
    comment="who was told of a version, or given it, as far as this origin knows; it goes with the version",
)

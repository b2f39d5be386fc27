"""The catalogue's table of what erasures still have to ask after; see `origin.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from origin.catalogue.tables import metadata

_CLOUD, _HEX128 = String(63), String(32)

erasure_work = Table(
    "erasure_work",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("erasure", _HEX128, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False, comment="of the entry that it was written with"),
    Column("place", _HEX128, nullable=False, comment="of its key in the keyring"),
    Column("sealed", LargeBinary, nullable=False, comment="records.working_sets.WorkingSet under a key of its own"),
    comment="what is still to be asked after of what was erased; it goes, and its key before it, with the receipt",
)

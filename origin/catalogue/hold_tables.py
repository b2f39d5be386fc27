"""The catalogue's tables of what erasures wait for, and of what is restricted or under a legal hold; see `origin.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary, String, Table

from origin.catalogue.tables import metadata

_CLOUD, _HEX128 = String(63), String(32)

erasure_target = Table(
    "erasure_target",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("erasure", _HEX128, primary_key=True),
    Column("asset_id", _HEX128, primary_key=True),
    comment="what a call that is not carried out at once selected when it was made; a row goes when its asset is dealt with",
)

erasure_version = Table(
    "erasure_version",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("erasure", _HEX128, primary_key=True),
    Column("aid", _HEX128, primary_key=True),
    Column("asset_id", _HEX128, nullable=False),
    Column("hides", Boolean, nullable=False, comment="it is shown to nobody meanwhile, if it is under retention"),
    Index(None, "aid"),
    comment="versions that are meant of a target; a target without any means all that there is of its asset",
)

restriction = Table(
    "restriction",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("asset_id", _HEX128, primary_key=True),
    Column("cause", _HEX128, primary_key=True, comment="an erasure that waits, or `restrict` (GDPR Art. 18)"),
    Index(None, "tenant", "cause"),
    comment="assets that nobody is shown; one is shown again when its last row goes",
)

hold = Table(
    "hold",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("id", _HEX128, primary_key=True),
    Column("placed_at", Float(53), nullable=False),
    Column("detail", LargeBinary, nullable=False, comment="who and why, sealed under a key of the cloud"),
    comment="legal holds; a row goes when the hold is lifted",
)

held = Table(
    "held",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("asset_id", _HEX128, primary_key=True),
    Column("hold", _HEX128, primary_key=True),
    Index(None, "tenant", "hold"),
    comment="assets none of whose versions is erased while a hold is on them",
)

unapproved = Table(
    "unapproved",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column(
        "seq",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="the journal's number at which it was accepted",
    ),
    Column("at", Float(53), nullable=False),
    Column("assets", BigInteger, nullable=False),
    Column("asked_by", _HEX128, nullable=False, comment="keyed hash of the API key"),
    comment="erasures that nobody had to approve, as long as they count for whether the next one has to be",
)

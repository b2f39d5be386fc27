"""The catalogue's tables. They are logged by the database, so they hold no plaintext personal data (decisions L):
names, tags and folders as keyed hashes; everything else in blobs sealed under the asset's own key.

Times are Unix seconds. `tenant` is the name of a cloud. Changing anything here needs a migration in origin/migrations.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    },
)

_CLOUD, _HEX128, _HEX256 = String(63), String(32), String(64)

journal_head = Table(
    "journal_head",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="number of the newest entry; the row is the lock of the tenant"),
    Column("hash", _HEX256, nullable=False, comment="chain hash of the newest entry"),
    Column(
        "purged", BigInteger, nullable=False, server_default="0", comment="targets of purges since the last entry ALL"
    ),
)

journal_entry = Table(
    "journal_entry",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False, comment="msgpack of media.journal.Entry"),
)

tenant = Table(
    "tenant",
    metadata,
    Column("cloud", _CLOUD, primary_key=True),
    Column("created_at", Float(53), nullable=False),
    Column("config_revision", BigInteger, nullable=False),
    Column("policy_digest", _HEX256, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("api_key", String(15), primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("place", _HEX128, nullable=False, comment="where the keyring keeps its secret; without that, it is no key"),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("detail", LargeBinary, nullable=True, comment="sealed under a key of the cloud; none: it may do everything"),
    Index(None, "tenant"),
    comment="keys of the API; their secrets are in the keyring alone",
)

name = Table(
    "name",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True),
    Column("asset_id", _HEX128, nullable=False),
    Column("aid", _HEX128, nullable=False),
)

version = Table(
    "version",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("asset_id", _HEX128, nullable=False),
    Column("name_hash", _HEX128, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="journal entry that brought it"),
    Column("meta", LargeBinary, nullable=False, comment="sealed media record under the aid's meta subkey"),
    Column(
        "is_hidden",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="nobody is shown it: it is restricted, or holds bytes of one that is",
    ),
    Index(None, "tenant", "asset_id"),
    comment="versions that have bytes; a row goes when the version is erased",
)

label = Table(
    "label",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of a tag or of a folder"),
    Column("asset_id", _HEX128, primary_key=True),
    Index(None, "asset_id"),
)

backup = Table(
    "backup",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("asset_id", _HEX128, nullable=False, comment="whose version it was"),
    Column("name_hash", _HEX128, nullable=False, comment="the name that it had in the end"),
    Column("meta", LargeBinary, nullable=False, comment="as in `version`"),
    Column("ended_at", Float(53), nullable=False, comment="when it was deleted or replaced"),
    Column("body_bytes", BigInteger, nullable=False),
    Column(
        "awaits_erase",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="deleted for good while a hold kept it: it is erased when the hold ends, and nobody is shown it",
    ),
    Index(None, "tenant", "asset_id"),
    Index(None, "tenant", "name_hash"),
    Index(None, "tenant", "ended_at"),
    Index(None, "tenant", "body_bytes"),
    comment="versions under retention: nobody is served them, and they can be restored",
)

backup_label = Table(
    "backup_label",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column(
        "hash", _HEX128, primary_key=True, comment="as in `label`: what selects an asset for an erase selects this, too"
    ),
    Column("tenant", _CLOUD, nullable=False),
    Index(None, "tenant", "hash"),
)

rendition = Table(
    "rendition",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of transformation and format"),
    Column("tenant", _CLOUD, nullable=False),
    Column("detail", LargeBinary, nullable=False, comment="sealed under the aid's meta subkey"),
    Index(None, "tenant", "hash"),
)

rendition_layer = Table(
    "rendition_layer",
    metadata,
    Column("rendition_aid", _HEX128, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="of the rendition"),
    Column("aid", _HEX128, primary_key=True, comment="another version that the rendition shows"),
    Index(None, "aid"),
    comment="what lies over what: a rendition is forgotten with any of its pictures",
)

doomed = Table(
    "doomed",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("seq", BigInteger, nullable=False),
    comment="aids whose entry is committed and whose key and bytes may still be there; a restart finishes them",
)

draft = Table(
    "draft",
    metadata,
    Column("aid", _HEX128, primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    comment="uploads that have begun: written before the key, gone with the commit; a restart forgets what is left",
)

nonce = Table(
    "nonce",
    metadata,
    Column("hash", _HEX256, primary_key=True, comment="SHA-256 of keyid and nonce"),
    Column("expires_at", Float(53), nullable=False),
    Index(None, "expires_at"),
)

purge_call = Table(
    "purge_call",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the purge_id"),
    Column("digest", _HEX256, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

erasure = Table(
    "erasure",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("id", _HEX128, primary_key=True),
    Column("request", _HEX128, nullable=True, comment="keyed hash of the caller's request_id"),
    Column("selector", _HEX128, nullable=False, comment="keyed hash of what was asked for"),
    Column("state", LargeBinary, nullable=False, comment="msgpack of records.erasure_rows.State: counts and hashes"),
    Column("statement", LargeBinary, nullable=True, comment="the last statement, once nothing is left to do"),
    Column("kept_until", Float(53), nullable=True, comment="set with the statement"),
    Column("leaf", BigInteger, nullable=True, comment="its number in the audit log; set with the statement"),
    Index(None, "kept_until"),
    Index(
        "ix_erasure_open", "tenant", sqlite_where=text("statement IS NULL"), postgresql_where=text("statement IS NULL")
    ),
    UniqueConstraint("tenant", "request", name="uq_erasure_tenant_request"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: locked by whoever appends"),
    Column("size", BigInteger, nullable=False),
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False, comment="canonical JSON: numbers and hashes"),
    comment="what the audit log holds; never changed, never removed",
)

audit_node = Table(
    "audit_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    comment="hashes of the perfect subtrees of the audit log (RFC 9162)",
)

purge_key = Table(
    "purge_key",
    metadata,
    Column("keyid", String(128), primary_key=True),
    Column("tenant", _CLOUD, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("operations", String(255), nullable=False),
    Column("not_before", Float(53), nullable=False),
    Column("not_after", Float(53), nullable=False),
)

lease_beat = Table(
    "lease_beat",
    metadata,
    Column("node", _HEX128, primary_key=True),
    Column("boot", _HEX128, primary_key=True),
    Column("beats", BigInteger, nullable=False),
    Column("lease_seconds", Float(53), nullable=False, comment="the longest lease that this boot was ever given"),
    Column("tenants", LargeBinary, nullable=False, comment="msgpack list of clouds it may serve"),
    Column("nonces", LargeBinary, nullable=True, comment="msgpack of those that it may show next: origin.boots"),
)

named = Table(
    "named",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the name of a transformation"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
)

shunned = Table(
    "shunned",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column(
        "hash", _HEX128, primary_key=True, comment="keyed hash of a name that was erased and lies elsewhere, or may"
    ),
    comment="names that were erased and are not fetched again",
)

preset = Table(
    "preset",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the name of an upload preset"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
)

metadata_field = Table(
    "metadata_field",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the external_id of a field"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
)

metadata_rule = Table(
    "metadata_rule",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the external_id of a conditional metadata rule"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
)

notification_trigger = Table(
    "notification_trigger",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the id of a trigger"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
    comment="who is told of which events (webhooks)",
)

upload_mapping = Table(
    "upload_mapping",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the folder of an upload mapping"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
    comment="where pictures of a folder lie that are not here yet",
)

folder = Table(
    "folder",
    metadata,
    Column("tenant", _CLOUD, primary_key=True),
    Column("hash", _HEX128, primary_key=True, comment="keyed hash of the path of an asset folder"),
    Column("detail", LargeBinary, nullable=False, comment="sealed under a key of the cloud"),
    comment="folders that somebody made; those that only hold assets have no row, and are gone with them",
)

chunk = Table(
    "chunk",
    metadata,
    Column("aid", _HEX128, primary_key=True, comment="of the chunk alone: it has a key and a sealed file of its own"),
    Column("tenant", _CLOUD, nullable=False),
    Column("upload", _HEX128, nullable=False, comment="keyed hash of the caller and of the id of the upload"),
    Column("start_byte", BigInteger, nullable=False),
    Column("end_byte", BigInteger, nullable=False, comment="half-open"),
    Column("total_bytes", BigInteger, nullable=True, comment="of the whole file, where the call said so"),
    Column("expires_at", Float(53), nullable=False),
    Index(None, "tenant", "upload"),
    Index(None, "expires_at"),
    comment="pieces of uploads that are not whole yet",
)

lineage = Table(
    "lineage",
    metadata,
    Column(
        "aid",
        _HEX128,
        primary_key=True,
        comment="a version whose bytes hold those of another one: an archive, a sprite",
    ),
    Column("source", _HEX128, primary_key=True, comment="that other one; when it goes, so does this"),
    Column("tenant", _CLOUD, nullable=False),
    Index(None, "source"),
)

place = Table(
    "place",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("region", String(32), nullable=False),
    Column("store", String(255), nullable=False, server_default="disk", comment="where the originals lie"),
    comment="the legal place and the store that these records are bound to",
)

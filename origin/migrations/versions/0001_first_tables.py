"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:

    op.create_table(
        "doomed",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("aid", name=op.f("pk_doomed")),
    )
    op.create_table(
        "journal_entry",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq", name=op.f("pk_journal_entry")),
    )
    op.create_table(
        "journal_head",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_journal_head")),
    )
    op.create_table(
        "label",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", "asset_id", name=op.f("pk_label")),
    )
    op.create_index(op.f("ix_label_asset_id"), "label", ["asset_id"], unique=False)
    op.create_table(
        "lease_beat",
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("boot", sa.String(length=32), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("lease_seconds", sa.Float(precision=53), nullable=False),
        sa.Column("tenants", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("node", "boot", name=op.f("pk_lease_beat")),
    )
    op.create_table(
        "name",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_name")),
    )
    op.create_table(
        "nonce",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_nonce")),
    )
    op.create_index(op.f("ix_nonce_expires_at"), "nonce", ["expires_at"], unique=False)
    op.create_table(
        "place",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
    )
    op.create_table(
        "purge_call",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_purge_call")),
    )
    op.create_table(
        "purge_key",
        sa.Column("keyid", sa.String(length=128), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("operations", sa.String(length=255), nullable=False),
        sa.Column("not_before", sa.Float(precision=53), nullable=False),
        sa.Column("not_after", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("keyid", name=op.f("pk_purge_key")),
    )
    op.create_table(
        "rendition",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("aid", "hash", name=op.f("pk_rendition")),
    )
    op.create_table(
        "tenant",
        sa.Column("cloud", sa.String(length=63), nullable=False),
        sa.Column("api_key", sa.String(length=15), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("config_revision", sa.BigInteger(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("cloud", name=op.f("pk_tenant")),
        sa.UniqueConstraint("api_key", name=op.f("uq_tenant_api_key")),
    )
    op.create_table(
        "version",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("name_hash", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("meta", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("aid", name=op.f("pk_version")),
    )
    op.create_index(op.f("ix_version_tenant_asset_id"), "version", ["tenant", "asset_id"], unique=False)


def downgrade() -> None:
    for table in (
        "doomed",
        "journal_entry",
        "journal_head",
        "label",
        "lease_beat",
        "name",
        "nonce",
        "place",
        "purge_call",
        "purge_key",
        "rendition",
        "tenant",
        "version",
    ):
        op.drop_table(table)

"""Versions that are no more and can be brought back, until their time under retention is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "backup",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("name_hash", sa.String(length=32), nullable=False),
        sa.Column("meta", sa.LargeBinary(), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("aid", name=op.f("pk_backup")),
    )
    op.create_index(op.f("ix_backup_tenant_asset_id"), "backup", ["tenant", "asset_id"], unique=False)
    op.create_index(op.f("ix_backup_tenant_name_hash"), "backup", ["tenant", "name_hash"], unique=False)
    op.create_index(op.f("ix_backup_tenant_ended_at"), "backup", ["tenant", "ended_at"], unique=False)
    op.create_table(
        "backup_label",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("aid", "hash", name=op.f("pk_backup_label")),
    )
    op.create_index(op.f("ix_backup_label_tenant_hash"), "backup_label", ["tenant", "hash"], unique=False)


def downgrade() -> None:
    for table in ("backup_label", "backup"):
        op.drop_table(table)

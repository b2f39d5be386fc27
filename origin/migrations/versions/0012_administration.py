"""Metadata rules, triggers, upload mappings; and renditions are found by what they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0008"

KEPT_BY_CLOUDS = ("metadata_rule", "notification_trigger", "upload_mapping")


def upgrade() -> None:
    for table in KEPT_BY_CLOUDS:
        op.create_table(
            table,
            sa.Column("tenant", sa.String(length=63), nullable=False),
            sa.Column("hash", sa.String(length=32), nullable=False),
            sa.Column("detail", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("tenant", "hash", name=op.f(f"pk_{table}")),
        )
    op.create_index(op.f("ix_rendition_tenant_hash"), "rendition", ["tenant", "hash"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_rendition_tenant_hash"), table_name="rendition")
    for table in reversed(KEPT_BY_CLOUDS):
        op.drop_table(table)

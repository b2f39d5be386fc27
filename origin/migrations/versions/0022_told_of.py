"""Whom waiting notices of deletes tell of; and an index for the bytes of what is under retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "told_of",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("aid", "hash", name=op.f("pk_told_of")),
    )
    op.create_index(op.f("ix_told_of_tenant_hash"), "told_of", ["tenant", "hash"])
    op.create_index(op.f("ix_backup_tenant_body_bytes"), "backup", ["tenant", "body_bytes"])


def downgrade() -> None:
    op.drop_index(op.f("ix_backup_tenant_body_bytes"), "backup")
    op.drop_table("told_of")

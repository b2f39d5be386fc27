"""Erasures, kept until they are fenced and their statement for a while after."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=True),
        sa.Column("selector", sa.String(length=32), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.Column("kept_until", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("tenant", "request", name=op.f("uq_erasure_tenant_request")),
    )
    op.create_index(op.f("ix_erasure_kept_until"), "erasure", ["kept_until"], unique=False)


def downgrade() -> None:
    op.drop_table("erasure")

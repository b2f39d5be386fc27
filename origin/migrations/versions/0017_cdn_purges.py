"""Purges at CDNs that are still to be made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "cdn_purge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=False),
        sa.Column("fenced_at", sa.Float(precision=53), nullable=False),
        sa.Column("in_flight", sa.Float(precision=53), nullable=False),
        sa.Column("lifetime", sa.Float(precision=53), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdn_purge")),
    )
    op.create_index(op.f("ix_cdn_purge_account_stage_due_at"), "cdn_purge", ["account", "stage", "due_at"])
    op.create_index(op.f("ix_cdn_purge_tenant_seq"), "cdn_purge", ["tenant", "seq"])


def downgrade() -> None:
    op.drop_table("cdn_purge")

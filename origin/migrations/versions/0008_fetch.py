"""Addresses that were erased and are not fetched again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "shunned",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_shunned")),
    )


def downgrade() -> None:
    op.drop_table("shunned")

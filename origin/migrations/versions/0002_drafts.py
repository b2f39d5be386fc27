"""Drafts: aids that have begun and have no name yet, so that a start deletes what is provably one, and nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("aid", name=op.f("pk_draft")),
    )


def downgrade() -> None:
    op.drop_table("draft")

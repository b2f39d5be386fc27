"""What was erased lately without an approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "unapproved",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("assets", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq", name=op.f("pk_unapproved")),
    )


def downgrade() -> None:
    op.drop_table("unapproved")

"""Named transformations, sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "named",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_named")),
    )


def downgrade() -> None:
    op.drop_table("named")

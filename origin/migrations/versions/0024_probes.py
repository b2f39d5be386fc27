"""What is still to be asked after of what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "erasure_work",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("erasure", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "erasure", "seq", name=op.f("pk_erasure_work")),
    )


def downgrade() -> None:
    op.drop_table("erasure_work")

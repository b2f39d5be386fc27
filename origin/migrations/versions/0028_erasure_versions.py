"""Which versions an erasure that waits means, where it does not mean all of an asset."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_table(
        "erasure_version",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("erasure", sa.String(length=32), nullable=False),
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("hides", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "erasure", "aid", name=op.f("pk_erasure_version")),
    )
    op.create_index(op.f("ix_erasure_version_aid"), "erasure_version", ["aid"], unique=False)


def downgrade() -> None:
    op.drop_table("erasure_version")

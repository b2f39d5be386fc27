"""Which renditions show which other pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "rendition_layer",
        sa.Column("rendition_aid", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("rendition_aid", "hash", "aid", name=op.f("pk_rendition_layer")),
    )
    op.create_index(op.f("ix_rendition_layer_aid"), "rendition_layer", ["aid"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_rendition_layer_aid"), table_name="rendition_layer")
    op.drop_table("rendition_layer")

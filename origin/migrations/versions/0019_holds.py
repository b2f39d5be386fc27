"""Assets that are restricted, assets under a hold, and calls that are not carried out at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "erasure_target",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("erasure", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "erasure", "asset_id", name=op.f("pk_erasure_target")),
    )
    op.create_table(
        "restriction",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "asset_id", "cause", name=op.f("pk_restriction")),
    )
    op.create_index(op.f("ix_restriction_tenant_cause"), "restriction", ["tenant", "cause"], unique=False)
    op.create_table(
        "hold",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("placed_at", sa.Float(precision=53), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_hold")),
    )
    op.create_table(
        "held",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("hold", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "asset_id", "hold", name=op.f("pk_held")),
    )
    op.create_index(op.f("ix_held_tenant_hold"), "held", ["tenant", "hold"], unique=False)
    op.add_column("version", sa.Column("is_hidden", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("backup", sa.Column("awaits_erase", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("backup") as backup:
        backup.drop_column("awaits_erase")
    with op.batch_alter_table("version") as version:
        version.drop_column("is_hidden")
    for table in ("held", "hold", "restriction", "erasure_target"):
        op.drop_table(table)

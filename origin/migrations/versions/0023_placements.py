"""Where copies are and were, and how far the crawler has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "placement",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("asset_id", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("since", sa.Float(precision=53), nullable=True),
        sa.Column("seen_at", sa.Float(precision=53), nullable=False),
        sa.Column("is_listed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("goes_since", sa.Float(precision=53), nullable=True),
        sa.Column("gone_at", sa.Float(precision=53), nullable=True),
        sa.Column("why", sa.String(length=16), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("aid", "place", name=op.f("pk_placement")),
    )
    op.create_index(op.f("ix_placement_tenant_asset_id"), "placement", ["tenant", "asset_id"])
    op.create_index(op.f("ix_placement_place_tenant_seen_at"), "placement", ["place", "tenant", "seen_at"])
    op.execute(  # those under retention are no current versions
        "INSERT INTO placement (aid, place, tenant, asset_id, region, seen_at)"
        " SELECT aid, 'store', tenant, asset_id, COALESCE((SELECT region FROM place WHERE id = 1), ''), ended_at FROM backup"
    )
    op.create_index(op.f("ix_version_tenant_aid"), "version", ["tenant", "aid"])
    op.create_index(op.f("ix_backup_tenant_aid"), "backup", ["tenant", "aid"])
    op.create_table(
        "crawl",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after", sa.String(length=96), nullable=False),
        sa.Column("began_at", sa.Float(precision=53), nullable=False),
        sa.Column("finished_at", sa.Float(precision=53), nullable=True),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl")),
    )


def downgrade() -> None:
    op.drop_table("crawl")
    op.drop_index(op.f("ix_backup_tenant_aid"), "backup")
    op.drop_index(op.f("ix_version_tenant_aid"), "version")
    op.drop_table("placement")

"""Purges at CDNs that are still to be made, what C was before, and erasures that are not over yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "cdn_purge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=False),
        sa.Column("fenced_at", sa.Float(precision=53), nullable=False),
        sa.Column("first_at", sa.Float(precision=53), nullable=False),
        sa.Column("in_flight", sa.Float(precision=53), nullable=False),
        sa.Column("lifetime", sa.Float(precision=53), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdn_purge")),
    )
    for columns in (("account", "stage", "rank", "due_at"), ("stage", "tenant", "seq"), ("tenant", "seq")):
        op.create_index(op.f(f"ix_cdn_purge_{'_'.join(columns)}"), "cdn_purge", columns)
    op.create_table(
        "shared_lifetime",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("longer_seconds", sa.Integer(), nullable=False),
        sa.Column("longer_until", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_shared_lifetime")),
    )
    is_open = sa.text("statement IS NULL")
    op.create_index("ix_erasure_open", "erasure", ["tenant"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_index("ix_erasure_open", table_name="erasure")
    op.drop_table("shared_lifetime")
    op.drop_table("cdn_purge")

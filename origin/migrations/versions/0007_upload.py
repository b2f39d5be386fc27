"""Upload presets, metadata fields, folders, what a change leaves to be done, chunks of uploads, what holds what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KEPT_BY_CLOUDS = ("preset", "metadata_field", "folder")


def upgrade() -> None:
    for table in KEPT_BY_CLOUDS:
        op.create_table(
            table,
            sa.Column("tenant", sa.String(length=63), nullable=False),
            sa.Column("hash", sa.String(length=32), nullable=False),
            sa.Column("detail", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("tenant", "hash", name=op.f(f"pk_{table}")),
        )
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index(op.f("ix_task_aid"), "task", ["aid"], unique=False)
    op.create_index(op.f("ix_task_created_at"), "task", ["created_at"], unique=False)
    op.create_index(op.f("ix_task_kind_due_at"), "task", ["kind", "due_at"], unique=False)
    op.create_table(
        "chunk",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("upload", sa.String(length=32), nullable=False),
        sa.Column("start_byte", sa.BigInteger(), nullable=False),
        sa.Column("end_byte", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("aid", name=op.f("pk_chunk")),
    )
    op.create_index(op.f("ix_chunk_tenant_upload"), "chunk", ["tenant", "upload"], unique=False)
    op.create_index(op.f("ix_chunk_expires_at"), "chunk", ["expires_at"], unique=False)
    op.create_table(
        "lineage",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("aid", "source", name=op.f("pk_lineage")),
    )
    op.create_index(op.f("ix_lineage_source"), "lineage", ["source"], unique=False)


def downgrade() -> None:
    for table in ("lineage", "chunk", "task", *reversed(KEPT_BY_CLOUDS)):
        op.drop_table(table)

"""What data subjects are due: exports, cases with their dates, recipients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "subject_export",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.Column("kept_until", sa.Float(precision=53), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_subject_export")),
    )
    op.create_index(op.f("ix_subject_export_expires_at"), "subject_export", ["expires_at"])
    op.create_index(op.f("ix_subject_export_kept_until"), "subject_export", ["kept_until"])
    op.create_table(
        "subject_case",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("due_day", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.Float(precision=53), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_subject_case")),
    )
    op.create_index(op.f("ix_subject_case_tenant_is_open_due_day"), "subject_case", ["tenant", "is_open", "due_day"])
    op.create_index(op.f("ix_subject_case_is_open_told_due_day"), "subject_case", ["is_open", "told", "due_day"])
    op.create_index(op.f("ix_subject_case_kept_until"), "subject_case", ["kept_until"])
    op.create_table(
        "recipient",
        sa.Column("aid", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("aid", "hash", name=op.f("pk_recipient")),
    )


def downgrade() -> None:
    op.drop_table("recipient")
    op.drop_table("subject_case")
    op.drop_table("subject_export")

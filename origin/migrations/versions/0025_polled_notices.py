"""Where a notice waits to be fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("task", sa.Column("channel", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_task_tenant_channel"), "task", ["tenant", "channel"])


def downgrade() -> None:
    op.drop_index(op.f("ix_task_tenant_channel"), "task")
    op.drop_column("task", "channel")

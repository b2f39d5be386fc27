"""What an edge shows when it asks for its next lease, so that a copy of it is told apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("lease_beat", sa.Column("nonces", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("lease_beat", "nonces")

"""How many targets a cloud's purges have piled up since everything of it was purged last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("journal_head", sa.Column("purged", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("journal_head", "purged")

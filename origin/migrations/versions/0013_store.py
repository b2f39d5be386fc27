"""Which store the originals of these records lie in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("place", sa.Column("store", sa.String(length=255), nullable=False, server_default="disk"))


def downgrade() -> None:
    with op.batch_alter_table("place") as place:
        place.drop_column("store")

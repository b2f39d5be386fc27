"""Several keys of the API for one cloud."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0012"

FIRST = "api_secret"
"""Where the keyring keeps the secret of a cloud's first key: see origin/records/api_keys.py."""


def upgrade() -> None:
    made = op.create_table(
        "api_key",
        sa.Column("api_key", sa.String(length=15), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("api_key", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_tenant"), "api_key", ["tenant"])
    tenant = sa.table("tenant", sa.column("cloud"), sa.column("api_key"), sa.column("created_at"))
    op.execute(
        made.insert().from_select(
            ["api_key", "tenant", "place", "is_enabled", "created_at"],
            sa.select(tenant.c.api_key, tenant.c.cloud, sa.literal(FIRST), sa.true(), tenant.c.created_at),
        )
    )
    with op.batch_alter_table("tenant") as table:
        table.drop_constraint(op.f("uq_tenant_api_key"), type_="unique")
        table.drop_column("api_key")


def downgrade() -> None:
    raise NotImplementedError("a cloud may have several keys now, and one column holds one")

"""Several keys of the API for one cloud."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0011"

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
    """The first key of each cloud stays. Where that is revoked, the database refuses: nothing else could be called."""
    key = sa.table("api_key", sa.column("api_key"), sa.column("tenant"), sa.column("place"))
    with op.batch_alter_table("tenant") as table:
        table.add_column(sa.Column("api_key", sa.String(length=15), nullable=True))
    tenant = sa.table("tenant", sa.column("cloud"), sa.column("api_key"))
    first = sa.select(key.c.api_key).where(key.c.tenant == tenant.c.cloud, key.c.place == FIRST).scalar_subquery()
    op.execute(tenant.update().values(api_key=first))
    with op.batch_alter_table("tenant") as table:
        table.alter_column("api_key", existing_type=sa.String(length=15), nullable=False)
        table.create_unique_constraint(op.f("uq_tenant_api_key"), ["api_key"])
    op.drop_index(op.f("ix_api_key_tenant"), table_name="api_key")
    op.drop_table("api_key")

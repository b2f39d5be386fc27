"""What an asset carried and was called when a later version ended becomes a label of its older versions under retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"

BACKUP = sa.table("backup", *map(sa.column, ("aid", "tenant", "asset_id", "name_hash", "ended_at")))
LABEL = sa.table("backup_label", *map(sa.column, ("aid", "hash", "tenant")))


def upgrade() -> None:
    """As far as it is still known: what was carried by versions that are no more has gone with them."""
    older, newer, carried, there = BACKUP.alias(), BACKUP.alias(), LABEL.alias(), LABEL.alias()
    is_later = sa.and_(
        newer.c.tenant == older.c.tenant, newer.c.asset_id == older.c.asset_id, newer.c.ended_at > older.c.ended_at
    )
    pairs = older.join(newer, is_later)
    labelled = sa.select(older.c.aid, carried.c.hash, older.c.tenant).select_from(
        pairs.join(carried, carried.c.aid == newer.c.aid)
    )
    named = sa.select(older.c.aid, newer.c.name_hash.label("hash"), older.c.tenant).select_from(pairs)
    given = sa.union(labelled, named).subquery()
    is_new = ~sa.exists().where(there.c.aid == given.c.aid, there.c.hash == given.c.hash)
    columns = ["aid", "hash", "tenant"]
    op.execute(sa.insert(LABEL).from_select(columns, sa.select(*(given.c[name] for name in columns)).where(is_new)))


def downgrade() -> None:
    """The labels say nothing that was not so; they stay."""

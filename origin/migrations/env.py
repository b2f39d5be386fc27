"""Alembic's entry: the connection comes from `migrate`, which also owns the transaction."""

from __future__ import annotations

from alembic import context

from origin.catalogue.cdn_tables import metadata  # with those of `tables`

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    transaction_per_migration=False,
)
context.run_migrations()

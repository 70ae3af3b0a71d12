"""Runs migrations as the owner of the tables, each step in a transaction, with short waits for locks."""

from __future__ import annotations

from alembic import context

from marketplace.core import db, migrate

connection = context.config.attributes["connection"]
migrate.prepare_connection(connection)
context.configure(
    connection=connection,
    target_metadata=db.Base.metadata,
    include_object=migrate.ours,
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's entry: runs on the connection and in the transaction that `schemas.migrations` hands over."""

from alembic import context

from schemas.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()

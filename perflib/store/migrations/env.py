"""Runs the steps on the connection that the store holds, inside its transaction."""

from __future__ import annotations

from alembic import context

from perflib.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()

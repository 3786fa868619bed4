"""Run by Alembic: migrations in the transaction that migrate.upgrade has opened."""

from alembic import context

from hessianfree_lab.store.migrate import CONNECTION
from hessianfree_lab.store.tables import metadata

connection = context.config.attributes[CONNECTION]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
)
context.run_migrations()

"""What Alembic runs for every command: our metadata, on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from zoneweaver.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=False,  # a moment is a text to the database
)
with context.begin_transaction():
    context.run_migrations()

"""Runs revisions on the connection that ``migrating`` gives, in its transaction."""

from alembic import context

from negprompt.history.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes few things of a table in place
)
context.run_migrations()
